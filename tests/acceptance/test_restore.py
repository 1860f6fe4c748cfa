"""Redis is restored from a backup that was taken at work, as docs/deployment.md says: nothing lost, nothing twice.

Each command of the page is run in its order, without the engine; the mailboxes show what was answered since.
"""

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from rsvpq import wiring
from rsvpq.lanes import Lanes
from rsvpq.settings import load_settings
from testbed.processes import until
from testbed.simulated_exchange import World
from testbed.stack import Pace, Plan, Stack
from tests.support.running_stack import QUICK, QUICK_LEASES, QUICK_SETTLE, rsvpq, wait_until_answered
from tests.support.unfinished_items import unfinished

PAGE = Path(__file__).parents[2] / "docs/deployment.md"
#: One server of each kind: it removes a request that was answered, leaves it as it was, or moves it.
FATES = (
    {"request_fate": "removed"},
    {"request_fate": "left", "request_marks": "nothing"},
    {"request_fate": "deleted-items"},
)
PROCESSES = ("dispatcher-0", "scan", "answer-0")
#: A command to its end: what is quoted goes over several lines.
_COMMAND = re.compile(r"docker (?:[^\n']|'[^']*')*")


def restore_commands() -> list[str]:
    """The commands of the section, in the order of reading."""
    section = PAGE.read_text().split("\n### Restore\n")[1].split("\n## ")[0]
    return [
        command for block in re.findall(r"```sh\n(.*?)```", section, re.DOTALL) for command in _COMMAND.findall(block)
    ]


class Restore:
    """An operator who restores a backup as the page says."""

    def __init__(self, stack: Stack, backup: Path) -> None:
        self._stack, self._backup = stack, backup
        self._data = stack.queue_server.append_only_file().parents[1]

    @property
    def lanes(self) -> Lanes:
        """The ledger of the Redis that runs now."""
        return wiring.make_lanes(load_settings(self._stack.config))

    def go(self, command: str) -> None:
        """Do one step."""
        plain = command.split(" #", maxsplit=1)[0].strip()
        if " rsvpq " in plain:
            self._run(shlex.split(plain.split(" rsvpq ")[1]), waits="# until nothing is pending" in command)
        elif plain == "docker compose stop":
            for name in (*PROCESSES, "queue server"):
                self._stack.parts.pop(name).end()
        elif plain.startswith("docker run "):
            self._replace_files(shlex.split(plain)[-1])
        elif plain == "docker compose up --detach --wait redis":
            self._stack.restart("queue server")
        else:
            assert plain == "docker compose up --detach", f"nobody knows what to do with {command!r}"
            for name in PROCESSES:
                self._stack.restart(name)

    def _run(self, words: list[str], *, waits: bool) -> None:
        if waits:
            until(lambda: unfinished(self.lanes) == 0, "what the backup had under way is done")
        if words == ["doctor"]:
            # It fails, for nothing runs. A backup that is seconds old has processes that reported lately.
            until(lambda: "last used " in rsvpq(self._stack, *words).stdout, "the doctor says how old it is", every_s=1)
            return
        ran = rsvpq(self._stack, *words)
        assert ran.returncode == 0, f"{words}: {ran.stdout}{ran.stderr}"

    def _replace_files(self, script: str) -> None:
        """Run the script for the container in the folders that stand for its volumes; as the owner of the files."""
        own = re.sub(r"/backup/\S+", str(self._backup), script).replace("/data", str(self._data))
        own, owners = re.subn(r"\n *chown -R valkey .*", "", own)
        assert owners == 1
        subprocess.run(["/bin/sh", "-c", own], check=True)


def step_of(steps: list[str], words: str) -> int:
    (found,) = (number for number, step in enumerate(steps) if f" rsvpq {words}" in step)
    return found


@pytest.mark.parametrize("hasty", [False, True], ids=["as-written", "scanned-too-early-too"])
def test_an_older_ledger_answers_nothing_again_and_loses_nothing(tmp_path: Path, *, hasty: bool) -> None:
    world = World(mailboxes=6, requests=6, responses=1, servers=len(FATES), seed=17, latency_ms=20)
    pace = Pace(10, 4, 1)  # so slow that the backup is taken while every lane still has work
    plan = Plan(
        world,
        pace,
        pace,
        Pace(200, 50, 8),
        extra=f"{QUICK_LEASES}[retry]\n{QUICK_SETTLE}",
        server_extra=QUICK,
        persist=True,
    )
    with Stack(tmp_path, plan) as stack:
        for server, switches in enumerate(FATES):
            stack.exchange.set_switches({**switches, "server": server})
        boxes = stack.exchange.ask("mailboxes")
        known, unknown = (
            [stack.mailbox_name(box) for box in half] for half in (boxes[: len(FATES)], boxes[len(FATES) :])
        )
        assert rsvpq(stack, "scan", *known).returncode == 0
        until(lambda: stack.exchange.ask("summary")["requests"]["answered_once"] >= 4, "some requests are answered")
        restore = Restore(stack, stack.queue_server.back_up(tmp_path / "backup.rdb"))
        assert rsvpq(stack, "scan", *unknown).returncode == 0  # the backup has nothing of these
        wait_until_answered(stack)
        answered = stack.exchange.ask("summary")["requests"]

        steps = restore_commands()
        resumed, scanned_again = step_of(steps, "resume all"), step_of(steps, "scan --all")
        for step in steps[:resumed]:
            restore.go(step)
        lanes = restore.lanes
        assert lanes.snapshot.counts()["done:answered"] < answered["answered_once"]  # it is older
        busy = lanes.snapshot.not_offered(known)
        assert set(busy.values()) == {"full"}
        if hasty:
            scan = rsvpq(stack, "scan", "--all")
            assert f"scan of {world.mailboxes - len(busy)} of {world.mailboxes} mailboxes triggered" in scan.stdout
            assert "skipped: messages of the last scan still wait in their lanes" in scan.stderr
        for step in steps[resumed:scanned_again]:
            restore.go(step)
        scanned = lanes.snapshot.counts().get("done:scanned", 0)
        for step in steps[scanned_again:]:
            restore.go(step)
        until(lambda: lanes.snapshot.counts()["done:scanned"] >= scanned + world.mailboxes, "all were scanned again")
        until(lambda: unfinished(lanes) == 0, "nothing is left to do")
        summary = stack.exchange.ask("summary")
        assert (summary["requests"]["answered_twice"], summary["forbidden"]) == (0, 0)
        assert summary["requests"]["answered_once"] == answered["answered_once"]
        assert (len(list(lanes.dead_items.all())), summary["responses"]["unopened"]) == (0, 0)
