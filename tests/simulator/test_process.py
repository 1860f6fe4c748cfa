"""The simulator as a process: how it starts, what it prints, how it ends, and that its world is the seed's."""

import json
import os
import signal
import subprocess
import sys

import pytest

from testbed.processes import WAIT_S
from tests.simulator.raw_http import NEVER_MS, ROOT, Simulator, request, running, start


def world_of(simulator: Simulator) -> list[object]:
    """All that a client can see of the population."""
    inboxes = []
    for mailbox in simulator.oracle("mailboxes"):
        path = f"/exchange/{mailbox['mailbox']}/".replace(" ", "%20").replace("&", "%26")
        inbox = simulator.folders(path)["inbox"]
        inboxes.append(simulator.search(inbox, "*").body)
    messages = [{**message, "seeded_at": None} for message in simulator.oracle("messages")]
    return [simulator.oracle("mailboxes"), messages, inboxes]


def test_prints_one_line_that_says_where_everything_is() -> None:
    process = start("--servers", "3", "--mailboxes", "3")
    assert process.stdout is not None
    simulator = Simulator(json.loads(process.stdout.readline()))
    assert simulator.ready.keys() == {"servers", "oracle"}
    assert len(set(simulator.ready["servers"])) == 3
    assert simulator.ready["oracle"] == simulator.ready["servers"][0]
    for server in range(3):
        assert simulator.ask("OPTIONS", "/exchange/nobody/", server=server).status == 404
    process.terminate()
    assert process.communicate(timeout=WAIT_S) == (b"", b"")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_ends_at_once_and_cleanly_on_a_signal(number: signal.Signals) -> None:
    process = start("--mailboxes", "1", "--latency-ms", str(NEVER_MS))
    assert process.stdout is not None
    simulator = Simulator(json.loads(process.stdout.readline()))
    with simulator.connect() as connection:
        connection.sendall(request("OPTIONS", "/exchange/adele0/"))
        os.kill(process.pid, number)
        _, errors = process.communicate(timeout=WAIT_S)
    assert process.returncode == 0
    assert errors == b""


def test_a_mailbox_is_found_on_its_home_server_only() -> None:
    with running("--servers", "2", "--mailboxes", "4") as simulator:
        homes = {mailbox["mailbox"]: mailbox["server"] for mailbox in simulator.oracle("mailboxes")}
        assert homes["adele0"] == 0
        assert simulator.ask("PROPFIND", "/exchange/adele0/", Depth="0").status == 207
        elsewhere = simulator.ask("PROPFIND", "/exchange/adele0/", server=1, Depth="0")
        assert elsewhere.status == 404
        assert elsewhere.headers["MS-WebStorage"] == "6.5.7226"


def test_the_same_seed_makes_the_same_world_byte_for_byte() -> None:
    arguments = ("--mailboxes", "12", "--requests", "6", "--deep", "40")
    with running(*arguments, "--seed", "7") as one, running(*arguments, "--seed", "7") as same:
        assert world_of(one) == world_of(same)
        with running(*arguments, "--seed", "8") as other:
            assert world_of(one) != world_of(other)


def test_the_world_has_what_trips_clients_up() -> None:
    with running("--mailboxes", "60", "--requests", "8", "--deep", "300", "--servers", "2") as simulator:
        mailboxes, messages = simulator.oracle("mailboxes"), simulator.oracle("messages")
    names = {mailbox["mailbox"] for mailbox in mailboxes}
    for trap in (" ", "'", "@", "&", "inbox"):
        assert any(trap in name for name in names), trap
    assert not all(name.isascii() for name in names)
    assert len({mailbox["language"] for mailbox in mailboxes}) >= 5
    assert sum(not sum(mailbox["messages"].values()) for mailbox in mailboxes) >= 2
    assert [mailbox["messages"]["request"] for mailbox in mailboxes if mailbox["deep"]] == [300]
    assert {message["kind"] for message in messages} == {
        "request",
        "response",
        "cancellation",
        "task-request",
        "other",
        "mail",
    }
    subjects = {message["subject"] for message in messages}
    for trap in "/?#%+&\"'":
        assert any(trap in subject for subject in subjects), trap
    assert "" in subjects
    requests = [message for message in messages if message["kind"] == "request"]
    unrequested = sum(not message["response_requested"] for message in requests)
    assert 0.01 < unrequested / len(requests) < 0.12
    assert any(message["sequence"] for message in requests)


def test_help_names_every_option() -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "simulator", "--help"], cwd=ROOT, capture_output=True, check=True, text=True
    )
    for option in (
        "--port",
        "--mailboxes",
        "--requests",
        "--responses",
        "--seed",
        "--latency-ms",
        "--servers",
        "--deep",
    ):
        assert option in shown.stdout
