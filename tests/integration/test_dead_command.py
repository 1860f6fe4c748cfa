"""``rsvpq dead``: what an operator sees of dead items, and what becomes of those that are retried or dropped."""

import json
import shlex
from collections.abc import Callable

import pytest

from rsvpq.audit.log import AuditLog, Filter
from rsvpq.lanes import Ending, Item, Lanes, OperatorAction
from rsvpq.mail.messages import Mailbox
from rsvpq.ops import dead, open_context
from rsvpq.tasks import contract
from tests.support.installation import Installation

ADELE, BRUNO, NEIL = Mailbox("adele", "mail1"), Mailbox("bruno", "mail1"), Mailbox("o'neil", "mail2")


def kill(lanes: Lanes, mailbox: Mailbox, item: str, reason: str = "no", **payload: object) -> None:
    """Have an item end in ``dead``, its answer about to be sent."""
    content = {"kind": "request", "subject": f"About {item}", **payload}
    lanes.ledger.offer(contract.lane_of(mailbox), [Item(item, contract.ANSWER_REQUEST, contract.ANSWER_QUEUE, content)])
    (release,) = lanes.ledger.release()
    lanes.ledger.start(item, release.generation, "worker")
    lanes.ledger.record(item, release.generation, "worker", {"accept": [], "send": "rid:7"}, intent=True, step="send")
    lanes.ledger.finish(
        item, release.generation, "worker", Ending("dead", label="dead:refused", reason=reason, recorded_reason=reason)
    )


@pytest.fixture
def graves(installation: Installation) -> Lanes:
    """Three dead items in three mailboxes, the oldest first."""
    lanes = installation.lanes()
    kill(lanes, ADELE, "a1", "Refused: MOVE returned 403")
    kill(lanes, BRUNO, "b1", "Unknown: neither in Drafts nor in Sent Items")
    kill(lanes, NEIL, "n1", "Refused: MOVE returned 403", sensitivity=2)
    return lanes


def state(lanes: Lanes, item: str) -> str:
    return str(lanes.namespace.redis.hget(f"{lanes.namespace.prefix}:item:{item}", "state"))


@pytest.mark.parametrize(
    ("options", "listed"),
    [
        ((), ["n1", "b1", "a1"]),
        (("--limit", "2"), ["n1", "b1"]),
        (("--server", "mail1"), ["b1", "a1"]),
        (("--mailbox", "ADELE"), ["a1"]),
        (("--reason", "move returned"), ["n1", "a1"]),
        (("--server", "mail1", "--reason", "403"), ["a1"]),
        (("--server", "mail2", "--mailbox", "adele"), []),
    ],
)
def test_a_list_has_what_was_asked_for(
    installation: Installation, graves: Lanes, options: tuple[str, ...], listed: list[str]
) -> None:
    assert len(list(graves.dead_items.all())) == 3
    ended = installation.rsvpq("dead", "list", "--json", *options)
    found = json.loads(ended.stdout)
    assert [item["item"] for item in found["dead"]] == listed
    assert found["total"] >= len(listed)
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize("document", [dead.list_document, dead.summary_document])
def test_a_document_and_its_total_are_of_one_reading(
    installation: Installation, graves: Lanes, document: Callable[..., dict[str, object]]
) -> None:
    def readings() -> int:
        found = graves.namespace.redis.info("commandstats")
        return int(found.get("cmdstat_hgetall", {"calls": 0})["calls"])

    context = open_context(installation.settings, graves)
    before = readings()
    assert document(context, dead.Which(), 1)["total"] == 3
    assert readings() - before == 3, "each item was read once"


@pytest.mark.parametrize("words", [("list",), ("summary",), ("retry", "--all", "--yes"), ("drop", "--all")])
def test_a_name_that_nobody_knows_is_refused(installation: Installation, graves: Lanes, words: tuple[str, ...]) -> None:
    for option, name, known in (
        ("--server", "mail9", "did you mean mail"),
        ("--mailbox", "adelle", "did you mean adele?"),
    ):
        ended = installation.rsvpq("dead", *words, option, name)
        assert (ended.returncode, ended.stdout) == (2, "")
        assert known in ended.stderr
    assert {state(graves, item) for item in ("a1", "b1", "n1")} == {"dead"}


def test_items_of_a_server_that_has_left_the_settings_can_be_asked_for(installation: Installation) -> None:
    lanes = installation.lanes()
    kill(lanes, Mailbox("carla", "mail7"), "c1")
    lanes.namespace.redis.srem(lanes.namespace.servers, "mail7")
    for option, name in (("--server", "mail7"), ("--mailbox", "Carla")):
        assert json.loads(installation.rsvpq("dead", "list", "--json", option, name).stdout)["total"] == 1


@pytest.fixture
def outage(installation: Installation) -> Lanes:
    """Dead items of two servers whose reasons differ only in paths and numbers, and one other."""
    lanes = installation.lanes()
    kill(lanes, ADELE, "a1", "Transient: GET /exchange/adele/Inbox/Lunch.EML?Cmd=accept returned 500")
    kill(lanes, NEIL, "n1", "Transient: GET /exchange/o'neil/Inbox/Tea.EML?Cmd=accept returned 500")
    kill(lanes, BRUNO, "b1", "Unknown: neither in Drafts nor in Sent Items")
    kill(lanes, BRUNO, "b2", "Transient: GET /exchange/bruno/Inbox/It's.EML?Cmd=accept returned 500")
    return lanes


KIND = "Transient: GET … returned 500"


def test_a_summary_groups_by_server_and_by_what_reasons_have_in_common(
    installation: Installation, outage: Lanes
) -> None:
    assert outage.snapshot.status().dead == 4
    document = json.loads(installation.rsvpq("dead", "summary", "--json").stdout)
    groups = document["groups"]
    assert document["total"] == 4
    found = [(one["server"], one["reason"], one["count"], one["mailboxes"], one["item"]) for one in groups]
    assert found[0] == ("mail1", KIND, 2, 2, "b2")
    assert set(found[1:]) == {
        ("mail2", KIND, 1, 1, "n1"),
        ("mail1", "Unknown: neither in Drafts nor in Sent Items", 1, 1, "b1"),
    }
    assert all(one["since"] <= one["newest"] and one["since"].endswith("Z") for one in groups)
    first, since, retry, *_ = installation.rsvpq("dead", "summary", "--limit", "1").stdout.splitlines()
    assert first == f"2 x mail1  {KIND}"
    assert "in 2 mailboxes, for example b2" in since
    assert retry == f"    rsvpq dead retry --all --server mail1 --like '{KIND}'"


def test_the_command_of_a_group_retries_that_group_and_nothing_else(installation: Installation, outage: Lanes) -> None:
    group = json.loads(installation.rsvpq("dead", "summary", "--json").stdout)["groups"][0]
    program, *arguments = shlex.split(group["retry"])
    assert program == "rsvpq"
    ended = installation.rsvpq(*arguments, "--yes")
    assert (ended.returncode, ended.stdout) == (0, "retried 2\n")
    assert {item: state(outage, item) for item in ("a1", "n1", "b1", "b2")} == {
        "a1": "pending",
        "n1": "dead",
        "b1": "dead",
        "b2": "pending",
    }


def test_a_summary_of_nothing_says_so(installation: Installation) -> None:
    assert installation.rsvpq("dead", "summary").stderr == "no dead items\n"
    assert json.loads(installation.rsvpq("dead", "summary", "--json").stdout) == {"total": 0, "groups": []}


def test_a_private_subject_is_shown_nowhere(installation: Installation, graves: Lanes) -> None:
    assert next(iter(graves.dead_items.all())).payload["subject"] == "About n1"
    for arguments in (("list",), ("list", "--json"), ("show", "n1"), ("show", "n1", "--json")):
        shown = installation.rsvpq("dead", *arguments).stdout
        assert "(private)" in shown
        assert "About n1" not in shown


def test_show_tells_what_is_proved_what_to_do_and_what_the_audit_has(installation: Installation, graves: Lanes) -> None:
    assert list(graves.dead_items.all())
    ended = installation.rsvpq("dead", "show", "b1")
    assert ended.returncode == 0
    for fact in (
        "request 'About b1'",
        "after 1 attempt: Unknown: neither in Drafts nor in Sent Items",
        "the command to accept was about to be sent to the server, or was sent",
        "the answer was about to be sent (draft rid:7); whether it was sent is unknown",
        "what to do: check Sent Items, then Drafts",
        'journal: {"accept": [], "send": "rid:7"}',
        "  dead  send, Unknown: neither in Drafts nor in Sent Items",
    ):
        assert fact in ended.stdout
    assert json.loads(installation.rsvpq("dead", "show", "b1", "--json").stdout)["journal"]["send"] == "rid:7"


def test_a_retried_item_is_first_in_its_lane_with_its_journal_and_no_attempt(
    installation: Installation, graves: Lanes
) -> None:
    graves.ledger.offer(
        contract.lane_of(ADELE), [Item("a2", contract.ANSWER_REQUEST, contract.ANSWER_QUEUE, {"kind": "request"})]
    )
    ended = installation.rsvpq("dead", "retry", "a1", "--why", "mended")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "retried 1\n", "")
    (release,) = graves.ledger.release(1)
    start = graves.ledger.start(release.id, release.generation, "another")
    assert (start.id, start.attempt, start.journal) == ("a1", 1, {"accept": [], "send": "rid:7"})
    graves.ledger.finish("a1", release.generation, "another", Ending("done", label="done:answered"))
    assert [dead.id for dead in list(graves.dead_items.all())] == ["n1", "b1"]


def test_a_dropped_item_is_never_offered_again(installation: Installation, graves: Lanes) -> None:
    ended = installation.rsvpq("dead", "drop", "a1", "n1", "--why", "left the company")
    assert (ended.returncode, ended.stdout) == (0, "dropped 2\n")
    assert [dead.id for dead in list(graves.dead_items.all())] == ["b1"]
    again = Item("a1", contract.ANSWER_REQUEST, contract.ANSWER_QUEUE, {"kind": "request"})
    assert graves.ledger.offer(contract.lane_of(ADELE), [again], release=5).new == 0
    assert graves.ledger.release() == ()
    assert graves.namespace.redis.hget(f"{graves.namespace.prefix}:item:a1", "reason") == "left the company"
    assert graves.namespace.redis.ttl(f"{graves.namespace.prefix}:item:a1") == -1


def test_both_are_in_the_audit_once_with_who_and_why(installation: Installation, graves: Lanes) -> None:
    installation.rsvpq("dead", "retry", "a1", "--why", "mended")
    installation.rsvpq("dead", "drop", "b1", "--why", "too late")
    installation.rsvpq("dead", "drop", "b1", "--why", "too late")
    records = list(AuditLog(graves).read(Filter(events=frozenset({"operator"}))))
    content = [(record["step"], record["item"], record["server"], record["reason"]) for record in records]
    assert content == [("retry", "a1", "mail1", "mended"), ("drop", "b1", "mail1", "too late")]
    assert all(record["who"] for record in records)


def test_all_asks_first_and_takes_only_what_was_asked_for(installation: Installation, graves: Lanes) -> None:
    refused = installation.rsvpq("dead", "drop", "--all", "--server", "mail1")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "drop 2 dead items?" in refused.stderr
    assert len(list(graves.dead_items.all())) == 3
    done = installation.rsvpq("dead", "drop", "--all", "--server", "mail1", "--yes")
    assert (done.returncode, done.stdout) == (0, "dropped 2\n")
    assert [dead.id for dead in list(graves.dead_items.all())] == ["n1"]


def test_what_is_not_dead_is_left_and_said(installation: Installation, graves: Lanes) -> None:
    graves.ledger.offer(
        contract.lane_of(ADELE), [Item("a2", contract.ANSWER_REQUEST, contract.ANSWER_QUEUE, {"kind": "request"})]
    )
    ended = installation.rsvpq("dead", "retry", "a1", "a2", "nobody")
    assert (ended.returncode, ended.stdout) == (1, "retried 1\n")
    assert ended.stderr == "a2: unchanged, because it is not dead but pending\nnobody: no such item\n"
    assert (state(graves, "a1"), state(graves, "a2")) == ("pending", "pending")


@pytest.mark.parametrize("option", ["--server", "--mailbox", "--reason"])
def test_an_empty_choice_is_no_choice_of_everything(installation: Installation, graves: Lanes, option: str) -> None:
    """As from a script in which a variable is not set; what was dropped does not come back."""
    ended = installation.rsvpq("dead", "drop", "--all", option, "", "--yes")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert f"Invalid value for '{option}': the value is empty" in ended.stderr
    assert len(list(graves.dead_items.all())) == 3


@pytest.mark.parametrize(
    "arguments", [("retry",), ("retry", "a1", "--all"), ("drop", "a1", "--server", "mail1"), ("show", "nobody")]
)
def test_what_is_unclear_is_wrong_usage(installation: Installation, graves: Lanes, arguments: tuple[str, ...]) -> None:
    ended = installation.rsvpq("dead", *arguments)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert len(list(graves.dead_items.all())) == 3


def test_a_repeated_retry_changes_nothing_even_after_another_death(graves: Lanes) -> None:
    action = OperatorAction("a test", "retry")
    assert graves.dead_items.retry(["a1"], action) == {"a1": "retried"}
    (release,) = graves.ledger.release()
    graves.ledger.start("a1", release.generation, "worker")
    graves.ledger.finish("a1", release.generation, "worker", Ending("dead", label="dead"))
    assert graves.dead_items.retry(["a1"], action) == {"a1": "retried"}
    assert state(graves, "a1") == "dead"
    assert graves.snapshot.counts()["retried"] == 1


def test_a_dead_scan_of_the_version_before_is_the_only_scan_of_its_mailbox_when_it_is_retried(
    installation: Installation,
) -> None:
    lanes = installation.lanes()
    redis, prefix = lanes.namespace.redis, lanes.namespace.prefix
    scan = contract.scan_item(ADELE, "first")
    lanes.ledger.offer_scans([(contract.lane_of(ADELE), scan)])
    (release,) = lanes.ledger.release()
    lanes.ledger.start(scan.id, release.generation, "worker")
    lanes.ledger.finish(scan.id, release.generation, "worker", Ending("dead", label="dead"))
    dead = {"state": "dead", "work": scan.work, "pool": scan.pool, "payload": json.dumps(scan.payload)}
    redis.hset(f"{prefix}:item:{scan.id}", mapping=dead)
    redis.zadd(f"{prefix}:dead", {scan.id: 1})
    assert lanes.dead_items.retry([scan.id], OperatorAction("a test", "retry")) == {scan.id: "retried"}
    assert lanes.ledger.offer_scans([(contract.lane_of(ADELE), contract.scan_item(ADELE, "second"))]) == {
        "adele": "scanning"
    }
    assert [release.id for release in lanes.ledger.release()] == [scan.id]


def test_the_settings_may_be_named_before_the_command(installation: Installation, graves: Lanes) -> None:
    assert list(graves.dead_items.all())
    command = ["dead", "--config", str(installation.config), "list", "--limit", "1"]
    assert "n1" in installation.rsvpq(*command).stdout
