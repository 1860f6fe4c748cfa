"""No secret is anywhere but in its file: not in Redis, Flower, logs, tracebacks, command lines or environments.

The stack runs at debug level, with failing servers and a worker that fails unexpectedly with the password at hand.
"""

import json
import secrets as random
from base64 import b64encode
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from rsvpq.settings import load_settings
from testbed.processes import Part, until
from testbed.simulated_exchange import World, account_file
from testbed.stack import Plan, Stack
from tests.support.running_console import client_of
from tests.support.running_stack import QUICK_SETTLE, rsvpq
from tests.support.secret_search import (
    everything_said_to,
    forms_of,
    leaks,
    of_files,
    of_flower,
    of_processes,
    of_redis,
    unpacked,
)

#: What makes a difference between the forms of a secret.
ODD = "/+ %&ü:"
USERS = (r"CORP\svc-rsvpq", "svc-rsvpq", "operator", "default", "")
EXTRA = f"""\
[retry]
{QUICK_SETTLE}attempts = 2
first_delay = "100ms"
longest_delay = "200ms"
[audit]
hide = ["subjects", "addresses"]
hash_key_file = "audit.key"
"""
_DEBUG = "import logging; logging.basicConfig(level=10); from producer.dispatcher import main; main()"


class Talkative(Stack):
    """A stack whose processes log all they can, and whose workers fail now and then."""

    def __init__(self, directory: Path, plan: Plan) -> None:
        super().__init__(directory, plan)
        self.secrets["exchange"] += ODD
        self.secrets["flower"] += ODD.replace("ü", "")
        self.secrets["redis"] += "/+%:"
        self.secrets["hash key"] = random.token_hex(32)
        account_file(directory, "audit.key", self.secrets["hash key"])

    def start(self, name: str, arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> Part:
        if name.startswith("dispatcher"):
            arguments = ["-c", _DEBUG]
        elif name == "flower":
            database = self.directory / "flower.db"
            arguments = [*arguments, "--logging=debug", "--persistent=True", f"--db={database}"]
        else:
            arguments = [
                {"info": "debug", "workers.app": "tests.support.worker_with_failing_requests"}.get(a, a)
                for a in arguments
            ]
        return super().start(name, arguments, environment)


FAULTS = [{"step": "any", "kind": kind, "rate": 0.03} for kind in ("500-before", "reset-after", "garbage", "empty")]


def test_no_secret_leaves_its_file(tmp_path: Path) -> None:
    plan = Plan(World(6, requests=3, responses=2, seed=9), flower=True, console=True, extra=EXTRA, forked=False)
    evidence: dict[str, str] = {}
    with Talkative(tmp_path, plan) as stack, everything_said_to(stack.queue_server) as said:
        secrets = {name: forms_of(secret, USERS) for name, secret in stack.secrets.items()}
        stack.exchange.have_faults(FAULTS)
        said_by_commands = [rsvpq(stack, "scan", "--all")]
        until(lambda: _tells_of_the_fault(stack), "Flower shows an unexpected failure", every_s=0.5)
        stack.exchange.have_faults([{"step": "any", "kind": "401"}])
        said_by_commands.append(rsvpq(stack, "scan", "--all"))
        until(lambda: "LoginRefused" in _logs(tmp_path), "a login is refused")

        stack.ask_flower("/api/task/async-apply/ops.dead_list", {})  # a task with a result
        results = stack.queue_server.client()
        until(lambda: list(results.scan_iter("*celery-task-meta*")), "a result is kept")
        commands = (["config", "check"], ["status"], ["status", "--json"], ["dead", "list", "--json"], ["audit"])
        said_by_commands += [rsvpq(stack, *command) for command in commands]
        evidence |= {f"{done.args[1:3]}": done.stdout + done.stderr for done in said_by_commands}
        evidence |= {"Redis": of_redis(stack.queue_server.client()), "logs": _logs(tmp_path)}
        evidence |= dict(of_processes(stack)) | dict(of_flower(stack)) | _of_console(stack)
        evidence["settings"] = _shown(load_settings(stack.config))
    # Flower has written its database, and everybody has said a last word.
    evidence |= {"said to Redis": "\n".join(said), "logs": _logs(tmp_path), **dict(of_files(tmp_path))}

    assert leaks(evidence, secrets) == []
    _check_that_there_was_something_to_find(evidence)


def _of_console(stack: Stack) -> dict[str, str]:
    """What the console shows to an operator."""
    with client_of(stack.console_url) as client:
        client.log_in(stack.console_user, stack.secrets["console"])
        shown = {
            path: client.get(path) for path in ("/", "/server?name=mail0", "/dead", "/decisions", "/pause?scope=all")
        }
    assert {page.status_code for page in shown.values()} == {200}
    assert "mail0" in shown["/"].text
    return {f"console {path}": page.text for path, page in shown.items()}


def _tells_of_the_fault(stack: Stack) -> bool:
    stack.check()
    with suppress(TimeoutError):
        tasks = stack.ask_flower("/api/tasks?limit=1000").values()
        return any(task["state"] == "FAILURE" and "planted" in str(task["traceback"]) for task in tasks)
    return False


def _logs(directory: Path) -> str:
    return "".join(path.read_text(errors="replace") for path in sorted(directory.glob("*.log")))


def _shown(settings: object) -> str:
    return f"{settings!r} {settings} {settings.model_dump_json()} {settings.model_dump()!r}"  # type: ignore[attr-defined]


def _check_that_there_was_something_to_find(evidence: Mapping[str, str]) -> None:
    assert evidence["logs"].count("DEBUG") > 100
    assert "Traceback" in evidence["logs"]
    assert "planted" in evidence["logs"]
    assert "celery-task-meta" in evidence["Redis"]
    messages = unpacked(evidence["said to Redis"])
    assert '"mailbox"' in messages
    assert "task-received" in messages
    assert "argv of scan" in evidence
    assert "RSVPQ_CONFIG" in evidence["environ of answer-0"]
    assert any("planted" in text for place, text in evidence.items() if place.startswith("file flower.db"))
    assert any("planted" in text for place, text in evidence.items() if place.startswith("Flower's /task/"))
    assert any("broker_url" in text for place, text in evidence.items() if place.startswith("Flower's /worker/"))


@pytest.mark.parametrize("form", forms_of("x"))
def test_the_search_finds_what_is_planted(form: str) -> None:
    secret = "s3cret" + ODD
    secrets = {"password": forms_of(secret)}
    assert leaks({"log": "nothing"}, secrets) == []
    planted = secrets["password"][form]
    assert f"log: password {form}" in leaks({"log": f"a line with {planted} in it"}, secrets)


def test_the_search_looks_into_messages() -> None:
    body = b64encode(json.dumps([[], {"mailbox": "adele", "password": "s3cret" + ODD}, {}]).encode()).decode()
    message = json.dumps({"body": body, "content-type": "application/json"})
    assert leaks({"queue": message}, {"password": forms_of("s3cret" + ODD)}) == ["queue: password in JSON"]


def test_files_that_others_may_read_are_searched(tmp_path: Path) -> None:
    account_file(tmp_path, "secret", "s3cret")
    assert dict(of_files(tmp_path)) == {}
    (tmp_path / "secret").chmod(0o640)
    assert dict(of_files(tmp_path)) == {"file secret": "s3cret\n"}
