"""``rsvpq status`` in a terminal, narrow and wide, watched and not: a real process on a pseudo-terminal."""

import fcntl
import json
import os
import pty
import signal
import struct
import subprocess
import termios
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from rsvpq.lanes import Ending, Item, Lanes, ScanTotals
from rsvpq.mail.messages import Mailbox
from rsvpq.tasks import contract
from testbed.processes import WAIT_S, until
from tests.support.installation import Installation

ADELE, BRUNO = Mailbox("adele", "mail1"), Mailbox("bruno", "mail1")


@pytest.fixture
def lanes(installation: Installation) -> Lanes:
    """One mailbox with two messages in its lane, and a paused server."""
    known = installation.lanes()
    known.ledger.offer_scans([(contract.lane_of(ADELE), contract.scan_item(ADELE, "first"))])
    (release,) = known.ledger.release()
    known.ledger.start(release.id, release.generation, "worker")
    known.ledger.finish(
        release.id, release.generation, "worker", Ending("done", label="done:scanned", totals=ScanTotals(2, 0, 0))
    )
    offer(known, "a1", "a2")
    known.controls.pause("server", "mail2", reason="new disks")
    return known


def offer(lanes: Lanes, *items: str) -> None:
    lanes.ledger.offer(
        contract.lane_of(ADELE),
        [Item(item, contract.ANSWER_REQUEST, contract.ANSWER_QUEUE, {"kind": "request"}) for item in items],
    )


class Terminal:
    """A pseudo-terminal of so many columns, with a program on it."""

    def __init__(self, installation: Installation, columns: int, *arguments: str) -> None:
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        environment = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "NO_COLOR")}
        environment |= {"RSVPQ_CONFIG": str(installation.config), "TERM": "xterm"}
        self.process = subprocess.Popen(
            installation.command(*arguments), stdin=theirs, stdout=theirs, stderr=theirs, env=environment
        )
        os.close(theirs)
        os.set_blocking(self._ours, False)
        self.text = ""

    def shows(self, text: str) -> bool:
        """Whether it has shown that by now."""
        with suppress(OSError):  # nothing new; or EIO, which says that the program has ended
            self.text += os.read(self._ours, 65536).decode()
        return text in self.text

    def end(self) -> None:
        """End the program if it is still there."""
        self.process.kill()
        self.process.wait()
        os.close(self._ours)


@contextmanager
def terminal(installation: Installation, columns: int, *arguments: str) -> Iterator[Terminal]:
    shown = Terminal(installation, columns, *arguments)
    try:
        yield shown
    finally:
        shown.end()


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_every_line_fits_the_terminal(installation: Installation, lanes: Lanes, columns: int) -> None:
    assert lanes.snapshot.counts()
    with terminal(installation, columns, "status") as shown:
        until(lambda: shown.shows("done:scanned 1"), "the status is shown")
        assert shown.process.wait(WAIT_S) == 0
        for fact in ("mail1", "mail2", "new disks", "ready 2 in 1"):
            assert shown.shows(fact), fact
        assert (
            max(len(line) for line in shown.text.replace("\x1b[1m", "").replace("\x1b[0m", "").splitlines()) <= columns
        )


def test_a_watched_status_is_drawn_again_in_place_until_ctrl_c(installation: Installation, lanes: Lanes) -> None:
    with terminal(installation, 80, "status", "--watch", "0.2") as shown:
        until(lambda: shown.shows("ready 2 in 1"), "the status is shown")
        offer(lanes, "a3")
        until(lambda: shown.shows("ready 3 in 1"), "it is drawn again")
        assert "\x1b[1A" in shown.text  # over the last one
        shown.process.send_signal(signal.SIGINT)
        assert shown.process.wait(WAIT_S) == 0
        assert not shown.shows("Traceback")
        assert not shown.shows("Aborted")


def test_a_watched_status_is_one_json_document_per_line_where_asked_for(
    installation: Installation, lanes: Lanes
) -> None:
    command = installation.command("status", "--json", "--watch", "0.2")
    with subprocess.Popen(
        command, env={**os.environ, **installation.environment}, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        first = json.loads(process.stdout.readline())
        offer(lanes, "a3", "a4")
        until(lambda: json.loads(process.stdout.readline())["servers"]["mail1"]["pending"] == 4, "it looks again")  # type: ignore[union-attr]
        process.send_signal(signal.SIGINT)
        process.stdout.read()
        assert process.wait(WAIT_S) == 0
    assert first["servers"]["mail1"]["pending"] == 2
    assert first["servers"]["mail2"]["paused"]["reason"] == "new disks"


def test_a_bare_watch_takes_its_own_time(installation: Installation, lanes: Lanes) -> None:
    assert lanes.snapshot.counts()
    assert "--watch" in installation.rsvpq("status", "--help").stdout
    with terminal(installation, 80, "status", "--watch") as shown:
        until(lambda: shown.shows("ready 2 in 1"), "the status is shown")
        shown.process.send_signal(signal.SIGINT)
        assert shown.process.wait(WAIT_S) == 0


def test_whole_pause_is_the_headline_with_who_and_since_when(installation: Installation, lanes: Lanes) -> None:
    assert installation.rsvpq("pause", "all", "--reason", "fire drill").returncode == 0
    first = installation.rsvpq("status").stdout.splitlines()[0]
    assert first.startswith("EVERYTHING IS PAUSED by ")
    assert first.endswith("ago: fire drill")
    assert lanes.namespace.redis.hget(f"{lanes.namespace.prefix}:cfg", "paused_by") in first


def test_a_mailbox_that_left_the_list_counts_no_longer_and_what_waits_in_it_does(
    installation: Installation, lanes: Lanes
) -> None:
    lanes.ledger.offer_scans([(contract.lane_of(BRUNO), contract.scan_item(BRUNO, "first"))])

    def shown() -> tuple[int, int, int]:
        server = json.loads(installation.rsvpq("status", "--json").stdout)["servers"]["mail1"]
        return server["mailboxes"], server["never_scanned"], server["pending"]

    assert shown() == (2, 1, 3)
    file = installation.directory / "mailboxes.csv"
    file.write_text(file.read_text().replace("bruno,mail1,sales\n", ""))
    assert shown() == (1, 0, 3)
    assert "never" not in installation.rsvpq("status").stdout


def test_a_broken_list_does_not_hide_the_status(installation: Installation, lanes: Lanes) -> None:
    assert lanes.snapshot.known()
    (installation.directory / "mailboxes.csv").write_text("mailbox;server\n")
    ended = installation.rsvpq("status", "--json")
    assert ended.returncode == 0
    assert json.loads(ended.stdout)["servers"]["mail1"]["mailboxes"] == 1


def test_nobody_is_missed_before_the_first_start(installation: Installation) -> None:
    assert "NO DISPATCHER RUNS" not in installation.rsvpq("status").stdout
    assert installation.lanes().controls.configured()
    assert "NO DISPATCHER RUNS" in installation.rsvpq("status").stdout


def test_that_nothing_is_answered_is_the_headline_with_the_reason(installation: Installation, lanes: Lanes) -> None:
    """Scans go on and count, so nobody would see it; and a Redis that lost everything has lost the confirmation."""
    assert "NOTHING IS ANSWERED" not in installation.rsvpq("status").stdout
    installation.write("[policy]\n")
    first = installation.rsvpq("status").stdout.splitlines()[0]
    assert first.startswith("NOTHING IS ANSWERED: live runs are not confirmed here")
    assert json.loads(installation.rsvpq("status", "--json").stdout)["in_force"]["why_not"] in first
    lanes.controls.confirm("anna")
    assert "NOTHING IS ANSWERED" not in installation.rsvpq("status").stdout
    installation.config.write_text(installation.config.read_text().replace("respond", "observe"))
    assert installation.rsvpq("status").stdout.startswith('NOTHING IS ANSWERED: mode = "observe"')


def test_the_status_of_a_group_is_that_of_its_mailboxes(installation: Installation, lanes: Lanes) -> None:
    neil = Mailbox("o'neil", "mail2", "legal")
    lanes.ledger.offer_scans([(contract.lane_of(neil), contract.scan_item(neil, "first"))])
    (release,) = lanes.ledger.release()  # of adele, as mail2 is paused
    lanes.ledger.start(release.id, release.generation, "worker")
    lanes.ledger.finish(release.id, release.generation, "worker", Ending("dead", label="dead", reason="no"))
    names = ("mailboxes", "pending", "dead")
    for group, server, figures in (("sales", "mail1", (1, 1, 1)), ("legal", "mail2", (1, 1, 0))):
        now = json.loads(installation.rsvpq("status", "--group", group, "--json").stdout)
        assert {name: tuple(one[key] for key in names) for name, one in now["servers"].items()} == {server: figures}
        assert now["dead"] == figures[-1]
        assert not {"lag_s", "answered", "counts"} & {*now, *now["servers"][server]}
    assert now["servers"]["mail2"]["paused"]["reason"] == "new disks"
    elsewhere = installation.rsvpq("status", "--group", "legal", "--server", "mail1")
    assert elsewhere.stderr == "no mailbox of the group legal on mail1 was ever offered a scan\n"
    shown = installation.rsvpq("status", "--group", "legal").stdout
    header = next(line for line in shown.splitlines() if line.startswith("server"))
    figures_only = "server mailboxes pending running later dead skipped on hold last scan waiting"
    assert header.split() == figures_only.split()


@pytest.mark.parametrize(("name", "complaint"), [("sale", "did you mean sales?"), ("", "the value is empty")])
def test_a_group_that_nobody_is_in_has_no_status(
    installation: Installation, lanes: Lanes, name: str, complaint: str
) -> None:
    assert lanes.snapshot.known()
    ended = installation.rsvpq("status", "--group", name)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert complaint in ended.stderr
