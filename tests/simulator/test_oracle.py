"""The oracle's counting of requests: what is in flight, how fast, how fairly, and that broken promises show."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.simulator.raw_http import (
    NEVER_MS,
    NEVER_S,
    Simulator,
    read_all,
    request,
    running,
    searchrequest,
)

DEEP = "/exchange/adele0"
SMALL = "/exchange/Patrick%20O%27Brien%201"
SEARCH = searchrequest('SELECT "DAV:displayname" FROM "" WHERE "DAV:isfolder" = False')


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """A world of the test's own with a deep mailbox."""
    with running("--mailboxes", "2", "--deep", "50") as started:
        yield started


def promise(simulator: Simulator, **limits: object) -> int:
    return simulator.ask("POST", "/_oracle/limits", json.dumps(limits), Authorization="").status


def scan(simulator: Simulator, home: str = DEEP, rows: str = "") -> None:
    inbox = f"{home}/Inbox" if home == DEEP else f"{home}/Posteingang"
    assert simulator.ask("SEARCH", inbox, SEARCH, Range=rows).status == 207


def summary(simulator: Simulator) -> dict[str, Any]:
    return dict(simulator.oracle("summary"))


def test_an_untouched_world_has_nothing_to_tell(simulator: Simulator) -> None:
    totals = summary(simulator)
    assert totals["http_requests"] == totals["mutating"] == totals["pace"]["operations"] == 0
    assert totals["first_operation"] is totals["last_operation"] is totals["small_mailbox_longest_wait_s"] is None
    assert totals["seeded"] == totals["untouched"]
    requests = totals["requests"]
    assert requests["seeded"] == requests["waiting"] + requests["outdated"] == totals["seeded"]["request"]
    assert totals["responses"]["unopened"] == totals["seeded"]["response"]
    assert totals["in_flight"] == {"mailbox": {"max": 0, "name": None}, "servers": {}, "over_limit": 0, "now": 0}
    of_mailboxes = sum(mailbox["messages"]["request"] for mailbox in simulator.oracle("mailboxes"))
    assert (
        of_mailboxes == totals["seeded"]["request"] == sum(m["kind"] == "request" for m in simulator.oracle("messages"))
    )


def test_the_messages_of_one_mailbox_are_those_that_are_reported_of_it_among_all(simulator: Simulator) -> None:
    everything = simulator.oracle("messages")
    for name in {one["mailbox"] for one in everything}:
        assert simulator.messages_of(name) == [one for one in everything if one["mailbox"] == name]
    assert simulator.messages_of("nobody") == []


def test_the_oracle_needs_no_credentials_and_knows_its_pages(simulator: Simulator) -> None:
    assert simulator.ask("GET", "/_oracle/summary", Authorization="").status == 200
    for method, page in [("GET", "nothing"), ("POST", "summary"), ("GET", "limits"), ("DELETE", "messages")]:
        assert simulator.ask(method, f"/_oracle/{page}").status == 404


def test_a_range_that_is_refused_is_no_operation(simulator: Simulator) -> None:
    simulator.turn(large_range="507", large_range_rows=5)
    assert simulator.ask("SEARCH", f"{DEEP}/Inbox", SEARCH, Range="rows=0-9").status == 507
    assert summary(simulator)["pace"]["operations"] == 0
    scan(simulator, rows="rows=0-4")
    assert summary(simulator)["pace"]["operations"] == 1


def test_only_scans_of_an_inbox_and_commands_are_operations(simulator: Simulator) -> None:
    scan(simulator)
    scan(simulator, rows="rows=0-9")
    scan(simulator, rows="rows=10-19")
    simulator.ask("SEARCH", f"{DEEP}/Drafts", SEARCH)
    simulator.ask("PROPFIND", DEEP, Depth="0")
    simulator.ask("GET", f"{DEEP}/Inbox/x.EML")
    for command in ("Cmd=accept", "Cmd=decline", "cmd=Tentative", "CMD=open", "Cmd=contents"):
        simulator.ask("GET", f"{DEEP}/Inbox/x.EML?{command}")
    simulator.ask("GET", f"{DEEP}/Inbox/x.EML?Cmd=accept", Translate="f")
    simulator.ask("DELETE", f"{DEEP}/Inbox/x.EML")
    totals = summary(simulator)
    assert totals["pace"]["operations"] == 6
    assert totals["mutating"] == 6
    assert totals["requests_by_verb"] == {"DELETE": 1, "GET": 7, "PROPFIND": 1, "SEARCH": 4}
    assert totals["http_requests"] == 13


def test_a_pace_that_was_kept_is_not_reported(simulator: Simulator) -> None:
    assert promise(simulator, mailbox={"rate_per_s": 5, "burst": 10, "concurrency": 1}, jitter_ms=100) == 200
    for _ in range(15):
        scan(simulator)
    pace = summary(simulator)["pace"]
    assert (pace["operations"], pace["mailbox_violations"], pace["server_violations"], pace["worst"]) == (15, 0, 0, [])


def test_a_pace_that_was_broken_is_reported_for_mailbox_and_server(simulator: Simulator) -> None:
    tight = {"rate_per_s": 0.001, "burst": 2}
    promise(simulator, mailboxes={"adele0": tight}, servers={"0": {"rate_per_s": 0.001, "burst": 4}})
    for _ in range(5):
        scan(simulator)
        scan(simulator, SMALL)
    pace = summary(simulator)["pace"]
    assert (pace["operations"], pace["mailbox_violations"], pace["server_violations"]) == (10, 3, 6)
    worst = pace["worst"][0]
    assert (worst["scope"], worst["name"], worst["operations"]) == ("server", "0", 10)
    assert worst["allowed"] == pytest.approx(4.001, abs=0.06)
    assert len(pace["worst"]) == 5
    assert summary(simulator)["first_operation"] < worst["at"] <= summary(simulator)["last_operation"]


def test_what_is_in_flight_at_once_is_counted_and_so_is_what_exceeds_the_limit() -> None:
    with running("--mailboxes", "2", "--latency-ms", str(NEVER_MS)) as simulator:
        promise(simulator, mailbox={"concurrency": 1}, servers={"0": {"concurrency": 3}})
        connections = [simulator.connect() for _ in range(4)]
        for connection, home in zip(connections, (DEEP, DEEP, SMALL, SMALL), strict=True):
            connection.sendall(request("OPTIONS", home, Connection="close"))
        simulator.wait_for("summary", lambda totals: totals["in_flight"]["now"] == 4, "all are in flight")
        simulator.put_clock_forward(NEVER_S)
        for connection in connections:
            assert read_all(connection).startswith(b"HTTP/1.1 200 ")
            connection.close()
        with simulator.connect() as connection:
            connection.sendall(request("OPTIONS", DEEP, Connection="close"))
            simulator.wait_for("summary", lambda totals: totals["in_flight"]["now"] == 1, "one more is in flight")
        in_flight = summary(simulator)["in_flight"]
    assert in_flight["mailbox"]["max"] == 2
    assert in_flight["servers"] == {"0": 4}
    assert in_flight["over_limit"] == 2


def test_a_client_that_hangs_up_has_done_what_it_asked_for() -> None:
    with running("--mailboxes", "1") as simulator:
        (row, *_) = simulator.requests(f"{DEEP}/Inbox")
        with simulator.connect() as connection:
            connection.sendall(request("GET", row["href"] + "?Cmd=accept"))
        simulator.wait_for("summary", lambda totals: totals["requests"]["accepted_unsent"] == 1, "it is done")
        assert summary(simulator)["in_flight"]["servers"] == {"0": 1}


def test_the_wait_of_a_small_mailbox_is_measured_while_the_deep_one_is_worked(simulator: Simulator) -> None:
    def longest() -> float:
        return float(summary(simulator)["small_mailbox_longest_wait_s"])

    scan(simulator, SMALL)
    scan(simulator)
    simulator.put_clock_forward(NEVER_S)
    scan(simulator, rows="rows=10-19")
    scan(simulator, SMALL)
    scan(simulator)
    assert NEVER_S <= longest() < 2 * NEVER_S
    simulator.put_clock_forward(2 * NEVER_S)
    scan(simulator, SMALL)
    assert 2 * NEVER_S <= longest() < 3 * NEVER_S
    scan(simulator, SMALL)
    assert summary(simulator)["pace"]["operations"] == 6


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        '{"mailbox": 3}',
        '{"mailbox": {"rate": 5}}',
        '{"mailbox": {"burst": -1}}',
        '{"mailbox": {"burst": "10"}}',
        '{"servers": {"first": {}}}',
        '{"jitter": 3}',
    ],
)
def test_limits_that_say_nothing_clear_are_refused(simulator: Simulator, body: str) -> None:
    answer = simulator.ask("POST", "/_oracle/limits", body)
    assert answer.status == 400
    assert json.loads(answer.body)["error"]


@pytest.mark.parametrize(
    "body",
    ["", "3600", "{}", '{"forward_s": -1}', '{"forward_s": true}', '{"forward_s": 1e9}', '{"forward_s": 1, "to": 2}'],
)
def test_a_clock_is_put_forward_and_never_back(simulator: Simulator, body: str) -> None:
    before = simulator.put_clock_forward(NEVER_S)
    answer = simulator.ask("POST", "/_oracle/clock", body)
    assert answer.status == 400
    assert json.loads(answer.body)["error"]
    assert before <= simulator.put_clock_forward(0) < before + NEVER_S
