"""The simulator's locks: the client that has the token may change an item, everybody else gets 423."""

import re

import pytest

from tests.simulator.raw_http import INBOX, Answer, Simulator, path_of

OPEN_ITEM = "/exchange/adele0/Drafts/a.EML"
PATCH = (
    '<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop><mine xmlns="urn:x:">1</mine></D:prop></D:set></D:propertyupdate>'
)


def wish(scope: str = "exclusive") -> str:
    return (
        f'<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:{scope}/></D:lockscope><D:locktype><D:write/></D:locktype>'
        "<D:owner>Word &amp; co</D:owner></D:lockinfo>"
    )


@pytest.fixture
def item(simulator: Simulator) -> str:
    """An item in Drafts."""
    assert simulator.ask("PUT", OPEN_ITEM, "Subject: a\r\n\r\nb").status == 201
    return OPEN_ITEM


def token_of(answer: Answer) -> str:
    assert answer.status == 200, answer.raw
    token = answer.headers["Lock-Token"]
    assert re.fullmatch("<opaquelocktoken:[^<>]+>", token)
    assert f"<a:href>{token[1:-1]}</a:href>".encode() in answer.body
    return token


def changes(simulator: Simulator, item: str, **headers: str) -> list[int]:
    """How each verb that changes an item is answered; the last one that succeeds removes it."""
    target = f"{item}.copy"
    batch = f'<D:delete xmlns:D="DAV:"><D:target><D:href>{item}</D:href></D:target></D:delete>'
    return [
        simulator.ask("PROPPATCH", item, PATCH, 0, **headers).status,
        simulator.ask("PUT", item, "Subject: b\r\n\r\n", 0, **headers).status,
        simulator.ask("MOVE", item, "", 0, Destination=target, **headers).status,
        simulator.ask("MOVE", target, "", 0, Destination=item, **headers).status,
        simulator.ask("BDELETE", item.rpartition("/")[0] + "/", batch, 0, **headers).status,
    ]


def test_options_lists_locking_beside_the_class_that_means_it(simulator: Simulator) -> None:
    answer = simulator.ask("OPTIONS", INBOX)
    assert answer.headers["DAV"] == "1, 2"
    for header in ("Allow", "Public"):
        assert {"LOCK", "UNLOCK", "SEARCH"} <= set(answer.headers[header].split(", "))


def test_a_locked_item_is_changed_by_nobody_without_the_token(simulator: Simulator, item: str) -> None:
    token = token_of(simulator.ask("LOCK", item, wish(), Timeout="Infinite, Second-600"))
    assert changes(simulator, item) == [423, 423, 423, 404, 423]
    assert changes(simulator, item, If="(<opaquelocktoken:another>)") == [423, 423, 423, 404, 423]
    # A lock does not go with an item that is moved.
    assert changes(simulator, item, If=f"({token})") == [207, 200, 201, 201, 200]


def test_what_is_locked_can_be_read(simulator: Simulator, item: str) -> None:
    token_of(simulator.ask("LOCK", item, wish()))
    assert simulator.ask("GET", item, Translate="f").status == 200
    assert [path_of(row["href"]) for row in simulator.find("/exchange/adele0/Drafts")] == [item]


def test_an_exclusive_lock_stands_alone_and_shared_ones_do_not(simulator: Simulator, item: str) -> None:
    first = token_of(simulator.ask("LOCK", item, wish("shared")))
    second = token_of(simulator.ask("LOCK", item, wish("shared")))
    assert first != second
    assert simulator.ask("LOCK", item, wish()).status == 423
    for token in (first, second):
        assert simulator.ask("UNLOCK", item, Lock_Token=token).status == 204
    token_of(simulator.ask("LOCK", item, wish()))
    assert simulator.ask("LOCK", item, wish("shared")).status == 423


def test_a_lock_ends_by_its_token_and_goes_on_by_it(simulator: Simulator, item: str) -> None:
    answer = simulator.ask("LOCK", item, wish(), Timeout="Second-600")
    token = token_of(answer)
    assert b"<a:timeout>Second-600</a:timeout>" in answer.body
    assert b"<a:owner>Word &amp; co</a:owner>" in answer.body
    again = simulator.ask("LOCK", item, If=f"({token})", Timeout="Second-900")
    assert token_of(again) == token
    assert b"<a:timeout>Second-900</a:timeout>" in again.body
    assert simulator.ask("LOCK", item, If="(<opaquelocktoken:another>)").status == 412
    assert simulator.ask("UNLOCK", item, Lock_Token="<opaquelocktoken:another>").status == 409
    assert simulator.ask("UNLOCK", item, Lock_Token=token).status == 204
    assert changes(simulator, item)[0] == 207


def test_a_lock_of_no_time_is_over(simulator: Simulator, item: str) -> None:
    token_of(simulator.ask("LOCK", item, wish(), Timeout="Second-0"))
    assert changes(simulator, item)[0] == 207


@pytest.mark.parametrize("body", ["<x", wish("global"), "<D:propfind xmlns:D='DAV:'/>"])
def test_a_wish_that_is_none_is_400(simulator: Simulator, item: str, body: str) -> None:
    assert simulator.ask("LOCK", item, body).status == 400
    assert simulator.ask("LOCK", f"{item}.none", wish()).status == 404
