"""``rsvpq init`` looks at Redis and at the mail server before it writes anything."""

from pathlib import Path

from redis import Redis

from rsvpq.settings import load_settings
from testbed.queue_server import QueueServer
from testbed.simulated_exchange import SimulatedExchange
from tests.support.forked_command import run_rsvpq
from tests.support.login_sites import PASSWORD, login_site


def test_nothing_is_written_before_the_login_works(
    tmp_path: Path, shared_queue_server: QueueServer, redis: Redis
) -> None:
    assert redis.dbsize() == 0
    with login_site(tmp_path, "basic") as site:
        secret = tmp_path / "password"
        options = (
            *("init", "--non-interactive", "--directory", str(tmp_path / "etc"), "--protocol", "webdav"),
            *("--url", site.exchange.urls[0], "--allow-http", "--username", SimulatedExchange.username),
            *("--password-file", str(secret), "--mailbox", site.mailboxes()[0]["mailbox"]),
            *("--internal-domain", "example.com", "--redis", shared_queue_server.url),
        )
        secret.write_text("wrong")
        ended = run_rsvpq(options, {})
        assert ended.returncode == 1
        assert "something failed, so nothing was written" in ended.stderr
        assert not (tmp_path / "etc").exists()

        secret.write_text(PASSWORD)
        ended = run_rsvpq(options, {})
        assert ended.returncode == 0
        assert f"1 in {tmp_path}/etc/mailboxes.csv" in ended.stdout
        checked = run_rsvpq(("config", "check"), {"RSVPQ_CONFIG": str(tmp_path / "etc" / "rsvpq.toml")})
        assert (checked.returncode, checked.stderr) == (0, "")
        assert load_settings(tmp_path / "etc" / "rsvpq.toml", {}).mode == "observe"
        assert site.exchange.ask("summary")["mutating"] == 0
