"""The benchmarks, small: that every part measures something, and that a run which answers wrongly is refused."""

import re
import subprocess
import sys
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from benchmarks import processes
from benchmarks.installation import Installation
from benchmarks.messages import Pattern
from benchmarks.simulated import SimulatedServer
from benchmarks.store import mailbox_name, message_name
from benchmarks.stub_server import Failed, StubServer
from benchmarks.tables import BEGIN, END, compared, spread, write
from benchmarks.window import Missed, Used, in_time
from testbed.processes import RUN_S, WAIT_S, Part
from testbed.queue_server import queue_server

LOCKS = Path(__file__).parents[2] / "locks"
#: Dramatiq is not among the development dependencies.
ARMS = ["rsvpq", "plain Celery", "bare requests"]
MAILBOX, MESSAGE = mailbox_name(3), message_name(3, 1)


def bench(*arguments: str, messages: int = 20) -> str:
    sizes = ["--quick", "--rounds", "1", "--messages", str(messages)]
    command = [sys.executable, "-m", "benchmarks", *arguments, *sizes]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=RUN_S)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def cells(output: str, row: str, table: str = "") -> dict[str, str]:
    """One row of the first table whose title begins so, by the names of the columns that have their own."""
    lines = output[output.index(f"### {table}") :].splitlines()
    header = next(line for line in lines if line.startswith("|")).split("|")
    found = next(line for line in lines if line.startswith(f"| {row} |")).split("|")
    return {name.strip(): value.strip() for name, value in zip(header, found, strict=True)}


def number(cell: str) -> float:
    return float(re.sub(r"[ %(].*|,", "", cell))


@pytest.fixture
def stub(tmp_path: Path) -> Iterator[StubServer]:
    server = StubServer(tmp_path, mailboxes=4, depth=2)
    yield server
    server.end()


def ask(stub: StubServer, method: str, path: str, **headers: str) -> int:
    connection = HTTPConnection(urlsplit(stub.url).netloc, timeout=WAIT_S)
    connection.request(method, f"/exchange/{MAILBOX}/{path}", headers=headers)
    status = connection.getresponse().status
    connection.close()
    return status


def accept(stub: StubServer) -> int:
    return ask(stub, "GET", f"Inbox/{MESSAGE}.EML?Cmd=accept")


def send(stub: StubServer) -> int:
    return ask(stub, "MOVE", f"Drafts/{MESSAGE}.EML", Destination=f"{stub.url}/{MAILBOX}/##DavMailSubmissionURI##/")


def test_every_arm_makes_the_requests_that_were_recorded_of_rsvpq() -> None:
    output = bench("answering", "--arms", *ARMS, messages=40)
    requests = output[output.index("### HTTP requests of one answer") :].splitlines()[4:]
    recorded = sum(int(line.split("|")[2]) for line in requests if line.startswith("|"))
    assert recorded == 9  # docs/decisions.md lists them
    for arm in ARMS:
        row = cells(output, arm, "Answering, 0 ms")
        # What the threads have under way at the window's edges may belong to other answers.
        assert number(row["HTTP requests"]) == pytest.approx(recorded, abs=recorded * 8 / 20)
        assert number(row["messages/s"]) > 0
    assert cells(output, "bare requests")["Redis commands"] == "-"


def test_answers_by_exchange_web_services_are_measured_beside_exchangelib() -> None:
    output = bench("ews", messages=40)
    arms = ("rsvpq", "plain Celery, exchangelib", "bare requests")
    for arm in arms:
        row = cells(output, arm, "Answering by Exchange Web Services")
        # What the threads have under way at the window's edges may belong to other answers.
        assert number(row["HTTP requests"]) == pytest.approx(4, abs=4 * 4 / 20)
        assert number(row["messages/s"]) > 0
    answers = cells(output, "CreateItem", "HTTP requests of an answer by")
    assert [number(answers[arm]) for arm in arms] == pytest.approx([1, 1, 1], abs=4 / 20)


def test_a_window_that_was_missed_is_measured_again_and_at_last_fails() -> None:
    good, said = Used(1, {}, 4, 0, 0), list[str]()
    turns: Iterator[Missed | Used] = iter([Missed("3 of 20 messages were in the window"), good])

    def measure() -> Used:
        match next(turns):
            case Missed() as missed:
                raise missed
            case result:
                return result

    assert in_time(measure, said.append) is good
    assert said == ["3 of 20 messages were in the window; measured again"]
    turns = iter([Missed(f"number {one}") for one in range(1, 6)])
    with pytest.raises(Failed, match="number 5"):
        in_time(measure, said.append)


def test_a_run_that_leaves_a_request_unanswered_by_exchange_web_services_fails(tmp_path: Path) -> None:
    server = SimulatedServer(tmp_path, mailboxes=2, depth=2)
    try:
        server.require(answered=0)
        with pytest.raises(Failed, match="'answered_once': 0"):
            server.require(answered=1)
    finally:
        server.end()


def test_scans_offers_and_answers_are_measured_beside_more_mailboxes() -> None:
    output = bench("scale", messages=400)
    for mailboxes in ("100", "300"):
        row = cells(output, mailboxes)
        assert min(number(row[what]) for what in ("scans/s", "offers/s", "answers/s")) > 0
    # One more would be the search for the folders of a mailbox that had no turn yet.
    few, more = (number(cells(output, mailboxes)["HTTP requests"]) for mailboxes in ("100", "300"))
    assert more == pytest.approx(few, abs=0.6)


def test_what_is_held_and_what_idles_is_measured() -> None:
    output = bench("memory", "idle")
    assert number(cells(output, "a message that waits")["bytes"]) > 500
    assert "dispatcher" in cells(output, "100 mailboxes, all done", "CPU")


def test_fairness_is_measured_with_and_without_a_deep_mailbox() -> None:
    output = bench("fairness")
    assert number(cells(output, "without")["answered meanwhile in the deep one"]) == 0
    assert number(cells(output, "beside one 60 deep")["answered meanwhile in the deep one"]) > 0
    pace = cells(output, "without", "Pace")
    assert pace["violations: mailboxes"] == pace["the server"] == "0"


def test_an_outage_is_measured_on_servers_that_fail_and_on_one_that_is_well() -> None:
    output = bench("outage")
    answers, ends = cells(output, "answers during the outage"), cells(output, "dead, answered twice, lost")
    assert answers["WebDAV, 500"] == answers["EWS, 500"] == "0"
    assert number(answers["WebDAV, well"]) > 0
    assert {ends[server] for server in ("WebDAV, 500", "EWS, 500", "WebDAV, well")} == {"0, 0, 0"}
    assert number(cells(output, "requests that waited at the end")["EWS, 500"]) >= 12


def test_an_answer_is_seen_once(stub: StubServer) -> None:
    assert (accept(stub), send(stub)) == (200, 201)
    stub.require(answered=1)


def test_a_command_that_comes_twice_fails_the_run(stub: StubServer) -> None:
    assert (accept(stub), accept(stub), send(stub)) == (200, 404, 201)
    with pytest.raises(Failed, match="'twice': 1"):
        stub.require(answered=1)


def test_a_draft_that_is_sent_twice_fails_the_run(stub: StubServer) -> None:
    assert (accept(stub), send(stub), send(stub)) == (200, 201, 404)
    with pytest.raises(Failed, match="twice"):
        stub.require_none_twice()


def test_a_draft_that_is_never_sent_fails_the_run(stub: StubServer) -> None:
    assert accept(stub) == 200
    with pytest.raises(Failed, match="'unsent': 1"):
        stub.require(answered=1)


def test_an_unknown_part_is_refused_with_those_that_there_are() -> None:
    command = [sys.executable, "-m", "benchmarks", "answring"]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=WAIT_S)
    assert run.returncode == 2
    assert "no part answring; there are answering, " in run.stderr


def test_figures_are_medians_with_their_spread_and_ratios_within_a_round() -> None:
    assert spread([3.0, 1.0, 2.0], "{:.0f}") == "2 (1-3)"
    assert spread([2.0], "{:.0f}") == "2"
    assert compared([2.0, 30.0, 4.0], [1.0, 10.0, 4.0], lambda value: value) == "2.00"
    assert compared([2.0], [0.0], lambda value: value) == "-"


def test_the_cpu_of_children_is_counted_after_their_end_too(tmp_path: Path) -> None:
    program = (
        "import os, signal, time\n"
        "if os.fork() == 0:\n"
        "    while time.process_time() < 0.3: pass\n"
        "    os._exit(0)\n"
        "os.wait()\n"
        "if os.fork() == 0: signal.pause()\n"
        "print('so far', sum(os.times()[:4]), flush=True)\n"
        "signal.pause()\n"
    )
    part = Part("parent", [sys.executable, "-c", program], log=tmp_path / "log", env={})
    try:
        said = part.wait_for(
            lambda: re.search(r"so far (.+)\n", part.log.read_text()),
            "its first child has ended and its second one lives",
        )
        # What has ended is in it once: twice it would be another 0.3 s. The kernel counts in ticks of 0.01 s.
        assert -0.05 < processes.cpu_s(part.pid) - float(said[1]) < 0.25
        assert len([*processes.tree(part.pid)]) == 2
        assert processes.peak_mb(part.pid) > 5
    finally:
        part.end()


def test_messages_that_are_made_are_those_that_a_search_finds(tmp_path: Path, stub: StubServer) -> None:
    with queue_server(tmp_path) as redis:
        installation = Installation(tmp_path, redis, stub)
        pattern = Pattern.of(installation.find(0)[0])
        assert pattern.message(3, 0) == installation.find(3)[0]


def test_the_lock_of_the_benchmarks_holds_all_of_the_development_lock() -> None:
    # They share one environment, so installing the one must not change what the other installed.
    pins = {name: set(re.findall(r"^\S+==\S+", (LOCKS / name).read_text(), re.M)) for name in ("dev.txt", "bench.txt")}
    assert pins["dev.txt"]
    assert pins["dev.txt"] <= pins["bench.txt"]


def test_tables_are_written_between_the_markers_and_nowhere_else(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    write(page, "new")
    assert page.read_text() == f"before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"
    page.write_text("no markers")
    with pytest.raises(ValueError, match="has no lines"):
        write(page, "new")
