"""Who can be reached from where, and who can read which file."""

import sys
from pathlib import Path

import pytest

from rsvpq.cli.config import checked_config, report_lines
from testbed.processes import Part
from testbed.queue_server import QueueServer
from testbed.simulated_exchange import account_file
from tests.support.installation import Installation

_LISTENING = "0A"
_LOOPBACK = {"0100007F", "00000000000000000000000001000000"}


def listening(pid: int) -> set[str]:
    """The addresses that a process listens on, as the kernel writes them."""
    links = [str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()]
    ours = {link.removeprefix("socket:[").removesuffix("]") for link in links if link.startswith("socket:")}
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == _LISTENING and fields[9] in ours:
                found.add(fields[1].partition(":")[0])
    return found


def test_the_simulator_listens_on_loopback_by_default(tmp_path: Path) -> None:
    out, command = tmp_path / "out", [sys.executable, "-m", "simulator", "--port", "0", "--mailboxes", "2"]
    environment = {"SIMULATOR_PASSWORD": "made-up"}
    part = Part("simulator", command, log=tmp_path / "log", out=out, env=environment)
    try:
        part.wait_for(lambda: out.exists() and out.read_text().endswith("\n"), "the simulator is ready")
        assert listening(part.pid)
        assert listening(part.pid) <= _LOOPBACK
    finally:
        part.end()


def test_the_queue_server_of_the_testbed_listens_on_loopback_and_hides_its_password(tmp_path: Path) -> None:
    server = QueueServer(tmp_path, password="made-up")
    try:
        assert listening(server.part.pid) <= _LOOPBACK
        assert [path.name for path in tmp_path.iterdir() if "made-up" in path.read_text(errors="replace")] == [
            "queue-server.conf"
        ]
        assert (tmp_path / "queue-server.conf").stat().st_mode & 0o077 == 0
    finally:
        server.part.end()


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644])
def test_config_check_warns_of_every_secret_that_everybody_can_read(installation: Installation, mode: int) -> None:
    folder = installation.directory
    for name in ("password", "redis-password", "audit.key", "ours.pem"):
        account_file(folder, name, "0123456789abcdef").chmod(mode)
    redis = 'url = "rediss://h"\npassword_file = "redis-password"\ncertificate = "ours.pem"\n'
    audit = '[audit]\nhide = ["subjects"]\nhash_key_file = "audit.key"\n'
    text = installation.config.read_text().replace(f'url = "{installation.redis_url}"\n', redis)
    installation.config.write_text(text + audit)
    warnings = [
        line for line in report_lines(checked_config(installation.config, {})) if "can be read by everybody" in line
    ]
    named = {
        name
        for name in ("password", "redis-password", "audit.key", "ours.pem")
        for line in warnings
        if f"/{name} " in line
    }
    assert named == ({"password", "redis-password", "audit.key", "ours.pem"} if mode == 0o644 else set())
