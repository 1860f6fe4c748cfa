"""When the certificate of a server ends: read from a worker's own connection, and kept for the metrics."""

import ssl
from pathlib import Path

import pytest
from redis import Redis

from rsvpq import wiring
from rsvpq.lanes import Lanes
from rsvpq.mail.lease import NoLease
from rsvpq.settings import load_settings
from rsvpq.tasks.claims import Claims
from rsvpq.wiring.backends import Backends
from testbed.simulated_exchange import World
from tests.support.certificates import Authority
from tests.support.exchange_site import PASSWORD, simulated_site
from tests.support.installation import Installation
from tests.support.scrape import scrape
from tests.support.tls_proxy import tls_proxy


@pytest.mark.parametrize("protocol", ["webdav", "ews"])
def test_the_end_of_the_certificate_is_read_from_the_connection_of_a_worker(
    tmp_path: Path, redis: Redis, protocol: str
) -> None:
    authority, lanes = Authority(tmp_path), Lanes(redis)
    file = authority.certificate("mail1")
    decoded: object = ssl._ssl._test_decode_cert(str(file))  # type: ignore[attr-defined]  # the standard library's own
    assert isinstance(decoded, dict)
    (tmp_path / "exchange").mkdir()
    for site in simulated_site(tmp_path / "exchange", World(mailboxes=2, requests=1, seed=3)):
        with tls_proxy(int(site.exchange.urls[0].rpartition(":")[2]), file) as proxy:
            (tmp_path / "mailboxes.csv").write_text("mailbox,server\n")
            (tmp_path / "secret").write_text(PASSWORD)
            (tmp_path / "rsvpq.toml").write_text(
                f"""mailboxes = "mailboxes.csv"\n[servers.mail1]\nprotocol = "{protocol}"
url = "https://127.0.0.1:{proxy.port}"\nusername = '{site.exchange.username}'\npassword_file = "secret"
ca_bundle = "{authority.file}"\n"""
            )
            servers = load_settings(tmp_path / "rsvpq.toml", {}).servers
            backends = Backends(servers, Claims(lanes), certified=wiring.certificate_notes(lanes))
            assert lanes.certificates.ends() == {}
            for box in site.mailboxes():
                name = box["address"] if protocol == "ews" else box["mailbox"]
                with backends.mailbox("mail1", name, NoLease()) as opened:
                    next(iter(opened.meeting_messages()), None)
            assert lanes.certificates.ends() == {"mail1": ssl.cert_time_to_seconds(decoded["notAfter"])}
            assert proxy.connections == 1  # nothing was asked for this alone


def test_the_metrics_have_it_for_the_servers_of_the_settings(installation: Installation) -> None:
    lanes = installation.lanes()
    lanes.certificates.note("mail1", 2_000_000_000)
    lanes.certificates.note("removed", 1)
    found = scrape(installation.settings).samples["rsvpq_certificate_end_timestamp_seconds"]
    assert {dict(labels)["server"]: value for labels, value in found.items()} == {"mail1": 2_000_000_000}


def test_what_others_wrote_under_its_key_is_replaced(redis: Redis) -> None:
    lanes = Lanes(redis)
    redis.set("{rsvpq}:certificates", "odd")
    assert lanes.certificates.ends() == {}
    lanes.certificates.note("mail1", 5)
    lanes.certificates.note("mail1", 5)
    assert lanes.certificates.ends() == {"mail1": 5}
