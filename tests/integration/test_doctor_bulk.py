"""``rsvpq doctor --group`` and ``--all`` as they are typed; the test is the other side of the queue."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from redis import Redis

from rsvpq.lanes.run_results import Found
from tests.support.asked_command import Asked
from tests.support.installation import Installation, queued

REFUSED = {"result": "refused", "reason": "MailboxRefused: SEARCH /exchange/o'neil/\x1b returned 401"}
OK = {"result": "ok", "reason": ""}
ALL = {"adele": OK, "bruno": OK, "o'neil": REFUSED}


def ask(installation: Installation, redis: Redis, *options: str, found: Mapping[str, Found]) -> tuple[int, str, str]:
    """A probe that finds this, by mailbox."""
    asked = Asked(installation, redis, "doctor", *options)
    asked.findings.offered(dict.fromkeys(found, "offered"))
    for name, result in found.items():
        asked.findings.report(name, [result], {})
    return asked.end()


def document(text: str) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(text)
    return parsed


def test_the_summary_comes_first_then_each_mailbox_that_failed(installation: Installation, redis: Redis) -> None:
    code, out, _ = ask(installation, redis, "--all", found=ALL)
    assert code == 3
    first, mailbox, remedy = out.splitlines()
    assert first == "2 of 3 mailboxes can be worked: ok 2, refused 1"
    assert mailbox.startswith("refused  o'neil  server mail2, group legal: MailboxRefused: SEARCH /")
    assert "/o'neil/\\x1b returned 401" in mailbox
    assert remedy.endswith("then: rsvpq resume mailbox 'o'\"'\"'neil'")


def test_json_is_one_document_with_the_totals_and_those_that_failed(installation: Installation, redis: Redis) -> None:
    code, out, _ = ask(installation, redis, "--all", "--json", found=ALL)
    found = document(out)
    assert (code, found["exit_code"]) == (3, 3)
    assert (found["mailboxes"], found["results"], found["unprobed"]) == (3, {"ok": 2, "refused": 1}, {})
    assert [(row["mailbox"], row["server"], row["result"]) for row in found["rows"]] == [("o'neil", "mail2", "refused")]


def test_where_all_is_well_the_exit_code_is_0(installation: Installation, redis: Redis) -> None:
    code, out, err = ask(installation, redis, "--group", "sales", found={"adele": OK, "bruno": OK})
    assert (code, out, err) == (0, "2 of 2 mailboxes can be worked: ok 2\n", "")


def test_where_nothing_can_be_worked_the_exit_code_is_1(installation: Installation, redis: Redis) -> None:
    code, _, _ = ask(installation, redis, "mail2", "--all", found={"o'neil": REFUSED})
    assert code == 1


def test_a_server_limits_what_is_probed(installation: Installation, redis: Redis) -> None:
    asked = Asked(installation, redis, "doctor", "mail2", "--all", "--json")
    asked.findings.offered({"o'neil": "full"})
    code, out, _ = asked.end()
    assert code == 1
    assert document(out)["unprobed"] == {
        "o'neil": "messages of an earlier scan still wait in its lane; try again when they are done"
    }


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--all", "--group", "sales"), "use one of --mailbox, --group and --all"),
        (("--all", "--mailbox", "adele"), "use one of --mailbox, --group and --all"),
        (("--timeout", "5s"), "--timeout needs --group or --all"),
        (("--group", "nobody"), "nobody"),
        (("--group", ""), "the value is empty"),
        (("mail2", "--group", "sales"), "no mailbox of the list is in the group 'sales' on mail2"),
        (("mail9", "--all"), "no server 'mail9'"),
    ],
)
def test_wrong_usage_probes_nothing(
    installation: Installation, redis: Redis, options: tuple[str, ...], words: str
) -> None:
    ended = installation.rsvpq("doctor", *options)
    assert ended.returncode == 2
    assert words in ended.stderr
    assert queued(redis, "scan") == []
