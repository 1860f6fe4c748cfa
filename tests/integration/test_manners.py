"""What all commands have in common: documents, the operator's name, the settings, and what is said of nothing."""

import json
import re
import signal
import socket
import subprocess
from contextlib import suppress
from functools import partial
from pathlib import Path

import click
import pytest

from rsvpq.audit.log import AuditLog, Filter
from rsvpq.audit.record import operator
from rsvpq.cli import commands
from rsvpq.lanes import Lanes
from rsvpq.mail.messages import ItemRef, Kind, MeetingMessage, Verdict
from testbed.processes import WAIT_S, Part, until
from tests.integration.test_dead_command import ADELE, kill
from tests.support.forked_command import run_rsvpq
from tests.support.installation import Installation, report_processes

#: A broken rule, a broken server and a list that is not there.
BROKEN = '[servers.mail1]\nrate = "120"\n[policy]\nexternal = "perhaps"\n'


@pytest.fixture
def lanes(installation: Installation) -> Lanes:
    """Configured lanes, with a dispatcher and workers."""
    lanes = installation.lanes()
    report_processes(lanes, "scan", "answer")
    return lanes


def leaves(command: click.Command, words: tuple[str, ...] = ()) -> dict[tuple[str, ...], click.Command]:
    """Return the commands that do something, by their words."""
    if not isinstance(command, click.Group):
        return {words: command}
    found: dict[tuple[str, ...], click.Command] = {words: command} if command.invoke_without_command else {}
    context = click.Context(command)
    for name in command.list_commands(context):
        below = command.get_command(context, name)
        assert below is not None
        found |= leaves(below, (*words, name))
    return found


COMMANDS = leaves(commands)
#: Whatever docs/cli.md has in backticks.
DOCUMENTED = set(re.findall(r"`(\w+)`", (Path(__file__).parents[2] / "docs/cli.md").read_text("utf-8")))
#: A command that only writes a line for a file, of no installation.
ALONE = ("console", "password")
#: A command that writes the settings of an installation that is not there yet.
FIRST = ("init",)
#: Commands that are recorded in the audit.
RECORDED = {
    *(("pause",), ("resume",), ("limit",), ("confirm",), ("scan",), ("explain",)),
    *(("dead", "retry"), ("dead", "drop"), ("drafts", "send"), ("policy", "diff"), ("doctor",)),
    *(("config", "apply"), ("mailboxes", "import")),
}


@pytest.mark.parametrize("words", [("status",), ("audit",), ("mailboxes",)], ids=" ".join)
def test_a_command_that_is_interrupted_says_so_by_its_exit_code(words: tuple[str, ...], tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        installation = Installation(tmp_path, f"redis://127.0.0.1:{silent.getsockname()[1]}/0")
        environment = installation.environment
        command = Part("rsvpq", installation.command(*words), log=tmp_path / "log", env=environment)
        silent.settimeout(WAIT_S)
        asked, _ = silent.accept()
        with asked:
            command.signal(signal.SIGINT)
            assert command.process.wait(WAIT_S) == 130
        assert command.log.read_text() == "\ninterrupted\n"


def ended_by_ctrl_c(process: subprocess.Popen[bytes]) -> bool:
    """Interrupt a command; it misses a signal that comes between Python's last look for one and its wait for input."""
    process.send_signal(signal.SIGINT)
    with suppress(subprocess.TimeoutExpired):
        process.wait(5)
    return process.returncode is not None


@pytest.mark.parametrize("words", [("init",)], ids=" ".join)
def test_a_question_that_is_interrupted_is_no_answer(words: tuple[str, ...], tmp_path: Path) -> None:
    command = Installation(tmp_path, "redis://127.0.0.1:9/0").command(*words)
    for interrupt, code, said in ((True, 130, b"interrupted"), (False, 1, b"Aborted!")):
        with subprocess.Popen(
            command, cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as process:
            assert process.stdin
            assert process.stdout
            shown = process.stdout.read(5)  # of the question
            if interrupt:
                until(partial(ended_by_ctrl_c, process), "the command has ended")
            else:
                process.stdin.close()
            shown += process.stdout.read()
            assert process.wait(WAIT_S) == code
        assert said in shown
        assert b"Traceback" not in shown


@pytest.mark.parametrize("words", [words for words in COMMANDS if words != ALONE], ids=" ".join)
def test_every_command_has_a_document_and_its_settings(words: tuple[str, ...]) -> None:
    options = {option for parameter in COMMANDS[words].params for option in parameter.opts}
    assert {"--json"} | ({"--config"} if words != FIRST else set()) <= options
    assert ("--who" in options) is (words in RECORDED)


@pytest.mark.parametrize(
    ("arguments", "keys"),
    [
        (("status",), {"in_force", "servers", "counts"}),
        (("dead", "list"), {"total", "dead"}),
        (("drafts", "list"), {"drafts"}),
        (("mailboxes",), {"mailboxes", "unwell", "rows"}),
        (("mailboxes", "top"), {"lanes"}),
        (("audit",), {"records"}),
        (("report",), {"timezone", "period"}),
        (("repair", "--list"), {"broken"}),
        (("limit",), {"limits"}),
        (("limit", "server", "mail1"), {"limits"}),
        (("limit", "server", "mail1", "--rate", "1/s"), {"action", "scope", "name", "text", "warnings", "limits"}),
        (("pause", "server", "mail1"), {"action", "scope", "name", "text", "warnings"}),
        (("resume", "all"), {"action", "scope", "name", "text", "warnings"}),
        (("confirm", "--yes"), {"action", "text", "warnings"}),
        (("schedule",), {"schedules"}),
        (("scan", "--all"), {"action", "mailboxes", "task", "text", "warnings"}),
        (("reconcile", "adele"), {"action", "mailboxes", "task", "text", "warnings"}),
        (("dead", "drop", "--all"), {"action", "dropped", "left", "text", "warnings"}),
        (("config", "check"), {"valid", "summary", "problems", "warnings"}),
        (("check",), {"state", "exit_code", "text", "figures"}),
    ],
)
@pytest.mark.usefixtures("lanes")
def test_json_is_one_object_even_where_there_is_nothing(
    installation: Installation, arguments: tuple[str, ...], keys: set[str]
) -> None:
    ended = installation.rsvpq(*arguments, "--json")
    document = json.loads(ended.stdout)
    assert isinstance(document, dict)
    assert keys <= document.keys()
    if arguments != ("report",):  # whose page has them
        assert document.keys() - DOCUMENTED == set()


def test_what_an_action_warns_of_is_in_its_document(installation: Installation) -> None:
    installation.lanes()  # as after a first start, all of whose processes have ended
    ended = installation.rsvpq("scan", "adele", "--json")
    assert ended.stderr == ""
    assert [text.partition(";")[0] for text in json.loads(ended.stdout)["warnings"]][-1] == (
        "no worker takes from the queue answer"
    )


def test_a_wrong_configuration_is_a_document_too(installation: Installation) -> None:
    installation.write("[redis2]\n")
    ended = installation.rsvpq("config", "check", "--json")
    document = json.loads(ended.stdout)
    assert (ended.returncode, document["valid"]) == (2, False)
    assert [problem["field"] for problem in document["problems"]] == ["redis2"]


@pytest.mark.parametrize("command", ["audit", "report"])
def test_two_formats_are_wrong_usage(installation: Installation, command: str) -> None:
    ended = installation.rsvpq(command, "--json", "--format", {"audit": "csv", "report": "html"}[command])
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "give either --json or --format" in ended.stderr
    if command == "audit":
        assert "use --format jsonl" in installation.rsvpq("audit", "--json", "--follow").stderr


# -- who -----------------------------------------------------------------------------------------------------------


def recorded(lanes: Lanes) -> list[tuple[str, str]]:
    """Return the steps of the operator, and who did them."""
    found = AuditLog(lanes).read(Filter(events=frozenset({"operator"})))
    return [(record["step"], record["who"]) for record in found]


def test_a_claimed_name_is_recorded_and_never_hides_the_account(
    installation: Installation, lanes: Lanes, monkeypatch: pytest.MonkeyPatch
) -> None:
    kill(lanes, ADELE, "a1")
    draft = MeetingMessage(Kind.ANSWER, ItemRef("rid:1", ("/exchange/adele/Drafts/1.EML", "")), reply=Verdict.ACCEPT)
    lanes.drafts.replace("adele", [draft.to_payload()])
    for arguments in (
        ("pause", "all"),
        ("limit", "server", "mail1", "--rate", "1/s"),
        ("dead", "retry", "a1"),
        ("drafts", "send", "adele", "rid:1"),
    ):
        assert installation.rsvpq(*arguments, "--who", "anna").returncode == 0
    monkeypatch.setenv("RSVPQ_OPERATOR", "bert")
    installation.rsvpq("resume", "all")
    monkeypatch.delenv("RSVPQ_OPERATOR")
    installation.rsvpq("pause", "server", "mail1")
    anna = f"anna ({operator()})"
    assert recorded(lanes) == [
        *[(step, anna) for step in ("pause", "limit", "retry", "send-draft")],
        ("resume", f"bert ({operator()})"),
        ("pause", operator()),
    ]
    assert f"by {operator()}" in installation.rsvpq("status").stdout


@pytest.mark.parametrize("name", ["", "  ", "anna\x1b[31m", "a" * 101])
@pytest.mark.usefixtures("lanes")
def test_a_name_that_is_none_is_refused(installation: Installation, name: str) -> None:
    ended = installation.rsvpq("pause", "all", "--who", name)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "Invalid value for '--who'" in ended.stderr
    if name:  # an empty variable counts as none
        ended = run_rsvpq(("pause", "all"), {**installation.environment, "RSVPQ_OPERATOR": name})
        assert (ended.returncode, ended.stdout) == (2, "")


@pytest.mark.usefixtures("lanes")
def test_blanks_around_a_name_are_not_part_of_it(installation: Installation) -> None:
    assert installation.rsvpq("pause", "all", "--who", " anna ").returncode == 0
    assert f"by anna ({operator()})" in installation.rsvpq("status").stdout


# -- pause all -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("extra", [BROKEN, "[audit]\nhide = ['everything']\n", "mailboxes2 = 7\n"])
def test_everything_is_paused_and_resumed_whatever_else_is_wrong_in_the_settings(
    installation: Installation, lanes: Lanes, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = installation.config.read_text().replace("[servers.mail1]\n", "[servers.mail0]\n") + extra
    installation.config.write_text(text.replace("[policy]\nconfirmed = true\n", ""))
    (installation.directory / "mailboxes.csv").unlink()
    monkeypatch.setenv("RSVPQ_MODUS", "misspelled")
    assert installation.rsvpq("status").returncode == 2
    paused = installation.rsvpq("pause", "all", "--reason", "wrong answers", "--for", "2h")
    assert (paused.returncode, paused.stderr) == (0, "")
    assert paused.stdout.startswith("paused: all, until ")
    pause = lanes.snapshot.pause("all")
    assert pause is not None
    assert (pause.reason, pause.by) == ("wrong answers", operator())
    assert installation.rsvpq("resume", "all").stdout == "resumed: all\n"
    assert lanes.snapshot.pause("all") is None
    assert [step for step, _ in recorded(lanes)] == ["pause", "resume"]


def test_a_wrong_redis_table_is_still_said(installation: Installation) -> None:
    installation.config.write_text('[redis]\nurl = "redis:/x"\nurll = ""\n')
    ended = installation.rsvpq("pause", "all")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "redis.urll: is not a known key; did you mean url?" in ended.stderr
    assert "redis.url: " in ended.stderr


# -- what is said --------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("lanes")
def test_resuming_what_is_not_paused_says_so(installation: Installation) -> None:
    assert installation.rsvpq("resume", "server", "mail1").stdout == "not paused: server mail1\n"
    assert installation.rsvpq("resume", "all").stdout == "not paused: all\n"
    installation.rsvpq("pause", "all", "--reason", "holiday")
    assert installation.rsvpq("resume", "mailbox", "adele").stdout == (
        "not paused: mailbox adele; everything is paused: holiday; rsvpq resume all\n"
    )


def test_a_second_confirmation_says_by_whom_and_since_when(installation: Installation, lanes: Lanes) -> None:
    installation.write("[policy]\nconfirmed = false\n")
    installation.rsvpq("confirm", "--yes", "--who", "anna")
    words = lanes.controls.confirmed()
    again = installation.rsvpq("confirm")
    assert (again.returncode, again.stdout) == (0, f"confirmed already, by {words}\n")
    assert words.startswith(f"anna ({operator()}) at ")
    assert [step for step, _ in recorded(lanes)] == ["confirm"]


@pytest.mark.usefixtures("lanes")
def test_a_limit_that_was_so_already_stays_that_of_whoever_has_set_it(installation: Installation) -> None:
    installation.rsvpq("limit", "server", "mail1", "--rate", "2/s", "--who", "bob")
    again = installation.rsvpq("limit", "server", "mail1", "--rate", "2/s", "--who", "carl")
    assert again.stdout.endswith("rate 2/s, burst 20 (configured), concurrency 4 (configured); nothing is changed\n")
    assert "set by bob" in installation.rsvpq("limit", "server", "mail1").stdout
    reset = [installation.rsvpq("limit", "server", "mail1", "--reset").stdout for _ in range(2)]
    assert ["nothing is changed" in one for one in reset] == [False, True]


@pytest.mark.usefixtures("lanes")
def test_a_limit_of_a_mailbox_above_that_of_its_server_says_which_binds(installation: Installation) -> None:
    fast = installation.rsvpq("limit", "mailbox", "adele", "--rate", "100000/s").stdout
    assert fast.endswith("; server mail1 gets at most 10/s for all its mailboxes together, so that limit binds first\n")
    assert "binds" not in installation.rsvpq("limit", "mailbox", "adele", "--rate", "1/s").stdout
    installation.rsvpq("limit", "server", "mail1", "--rate", "1/min")
    assert "at most 1/min" in installation.rsvpq("limit", "mailbox", "adele", "--rate", "1/s").stdout


@pytest.mark.usefixtures("lanes")
def test_two_ways_to_choose_mailboxes_are_one_too_many(installation: Installation) -> None:
    assert "give one of: names of mailboxes, --group NAME, --server NAME, --all" in (
        installation.rsvpq("scan", "--all", "--group", "sales").stderr
    )


@pytest.mark.usefixtures("lanes")
def test_nothing_to_drop_is_not_asked_about(installation: Installation) -> None:
    ended = installation.rsvpq("dead", "drop", "--all")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "dropped 0\n", "")


@pytest.mark.usefixtures("lanes")
@pytest.mark.parametrize("arguments", [("status",), ("dead", "list"), ("mailboxes", "top"), ("config", "check")])
def test_the_settings_may_be_named_before_the_command_or_after_it(
    installation: Installation, arguments: tuple[str, ...]
) -> None:
    config = installation.config.rename(installation.directory / "other.toml")
    assert installation.rsvpq(*arguments).returncode == 2
    assert installation.rsvpq("--config", str(config), *arguments).returncode == 0
    assert installation.rsvpq(*arguments, "--config", str(config)).returncode == 0


def test_the_status_of_one_server_is_its_own(installation: Installation, lanes: Lanes) -> None:
    kill(lanes, ADELE, "a1")
    for name, dead in (("mail1", 1), ("mail2", 0)):
        found = json.loads(installation.rsvpq("status", "--server", name, "--json").stdout)
        assert (list(found["servers"]), found["dead"], found["counts"] != {}) == ([name], dead, bool(dead))
    unknown = installation.rsvpq("status", "--server", "mail3")
    assert unknown.returncode == 2
    assert "no server 'mail3'; did you mean mail" in unknown.stderr
