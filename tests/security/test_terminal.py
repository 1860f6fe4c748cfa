"""What a stranger wrote into an invitation reaches no terminal and no page as a command."""

import os
import pty
import subprocess
import threading

import pytest
from redis import Redis

from rsvpq import wiring
from rsvpq.audit.record import AuditedDecision
from rsvpq.cli.dry_run_forms import FORMS
from rsvpq.lanes import Ending, Item
from rsvpq.mail.messages import ItemRef, Kind, Mailbox, MeetingMessage, Verdict
from rsvpq.ops.forecast import Forecast
from rsvpq.tasks import celery_app, contract
from testbed.processes import WAIT_S
from tests.support.installation import Installation, queued

ADELE = Mailbox("adele", "mail1")
#: Clears the screen (7 and 8 bits), rings, turns the writing round, is markup of rich, breaks the line.
SUBJECT = "a\x1b[2J\x9b2J\x07\u202egpj.exe\u2066[red]x[/red][link=http://x]y\u2028z"
COMMANDS = (
    ["audit", "--format", "table"],
    ["audit", "--format", "csv"],
    ["audit", "--format", "jsonl"],
    ["dead", "list"],
    ["dead", "list", "--json"],
    ["drafts", "list"],
    ["drafts", "list", "--json"],
    ["status"],
    ["status", "--json"],
)
ROW = Forecast("adele", "request", "accept", "", "every-request", subject=SUBJECT, uid=SUBJECT, organizer=SUBJECT)


@pytest.fixture
def audited(installation: Installation) -> Installation:
    """An installation where that subject is wherever one can be: in the audit, in a dead item, in a draft."""
    lanes = installation.lanes()
    request = MeetingMessage(Kind.REQUEST, ItemRef("rid:1", ("/x/1", "")), uid="U1", subject=SUBJECT)
    draft = MeetingMessage(Kind.ANSWER, ItemRef("rid:2", ("/x/2", "")), uid="U1", subject=SUBJECT, reply=Verdict.ACCEPT)
    audit = wiring.make_audit(installation.settings, lanes)
    audit.decide(ADELE, "scan-r1-x", "r1", [(request, AuditedDecision("accept", "all", "every-request"))])
    item = contract.message_item(ADELE, request)
    lanes.ledger.offer(contract.lane_of(ADELE), [item])
    (release,) = lanes.ledger.release()
    app = celery_app.make_celery("test", installation.redis_url, namespace="rsvpq")
    celery_app.publish(app, [release])
    app.close()
    assert lanes.ledger.start(item.id, release.generation, "owner").result == "run"
    lanes.ledger.finish(
        item.id, release.generation, "owner", Ending("dead", label="dead:refused", reason=f"Refused: {SUBJECT}")
    )
    lanes.drafts.replace("adele", [draft.to_payload()])
    lanes.controls.pause("mailbox", "adele", reason=SUBJECT)
    lanes.ledger.offer_scans([(contract.lane_of(ADELE), Item("scan", "scan", "scan", {}))])
    return installation


def shown_on_a_terminal(installation: Installation, arguments: list[str]) -> str:
    """What a command writes when its output is a terminal without colors."""
    reader, writer = pty.openpty()
    pieces: list[bytes] = []

    def listen() -> None:
        try:
            while piece := os.read(reader, 65536):
                pieces.append(piece)
        except OSError:
            pass  # the other end was closed

    listener = threading.Thread(target=listen)
    listener.start()
    environment = {**os.environ, **installation.environment, "TERM": "dumb", "NO_COLOR": "1"}
    command = installation.command(*arguments)
    done = subprocess.run(command, env=environment, stdout=writer, stderr=writer, check=False, timeout=WAIT_S)
    os.close(writer)
    listener.join()
    os.close(reader)
    text = b"".join(pieces).decode()
    assert done.returncode == 0, text
    return text


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_no_command_shows_it_as_it_is(audited: Installation, arguments: list[str]) -> None:
    text = shown_on_a_terminal(audited, arguments)
    assert "gpj" in text or "a\\x1b" in text  # it is there
    for line in text.replace("\r\n", "\n").split("\n"):
        assert line.isprintable(), ascii(line)


def test_an_item_is_shown_without_its_commands(audited: Installation) -> None:
    (dead,) = list(audited.lanes().dead_items.all())
    for arguments in (["dead", "show", dead.id], ["dead", "show", dead.id, "--json"]):
        text = shown_on_a_terminal(audited, arguments)
        assert "gpj" in text
        assert text.replace("\r\n", "").isprintable(), ascii(text)


@pytest.mark.parametrize("form", FORMS)
def test_a_dry_run_is_reported_without_its_commands(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    shown = FORMS[form]()
    shown.add([ROW])
    shown.end()
    text = capsys.readouterr().out
    assert "a\\x1b" in text or "a\\u001b" in text
    assert text.replace("\n", "").isprintable(), ascii(text)


@pytest.mark.usefixtures("audited")
def test_neither_does_what_flower_receives(redis: Redis) -> None:
    (headers,) = queued(redis, "answer")
    assert "gpj" in headers["kwargsrepr"]
    assert headers["kwargsrepr"].isprintable()
    assert "\\x1b" in headers["kwargsrepr"]
