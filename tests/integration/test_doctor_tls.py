"""``rsvpq doctor`` on TLS: what was agreed on, how long the certificate lasts, and why one is refused."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from redis import Redis

from rsvpq.doctor.results import Level
from testbed.queue_server import QueueServer
from tests.integration.test_tls import NOW, PASSWORD, certificate, serve
from tests.support.doctor_installation import Diagnosis, DoctorInstallation
from tests.support.scripted_server import HANG, ScriptedServer

pytestmark = pytest.mark.slow

FROM = (NOW - timedelta(days=3)).date().isoformat()


@pytest.fixture
def examined(tmp_path: Path, shared_queue_server: QueueServer, redis: Redis) -> DoctorInstallation:
    """An installation without servers yet."""
    assert redis.dbsize() == 0
    return DoctorInstallation(tmp_path, shared_queue_server.url)


@contextmanager
def serving(directory: Path, file: Path, *options: str) -> Iterator[str]:
    """A simulator that speaks TLS, and which nothing else is left of."""
    directory = directory / "exchange"
    directory.mkdir()
    yield from serve(directory, file, *options)


def look(examined: DoctorInstallation, url: str, bundle: Path | None, *lines: str) -> Diagnosis:
    """What is found."""
    trusted = [f'ca_bundle = "{bundle}"'] if bundle else []
    examined.server("hq0", url, PASSWORD, *trusted, *lines)
    return examined.examine()


@pytest.mark.parametrize(
    ("days", "level", "text"), [(100, Level.OK, ""), (22, Level.OK, ""), (20, Level.WARN, "expires")]
)
def test_a_certificate_that_ends_soon_is_reported_with_its_dates(
    tmp_path: Path, examined: DoctorInstallation, days: int, level: Level, text: str
) -> None:
    ends = timedelta(days=days)
    file = certificate(tmp_path, ends=ends)
    with serving(tmp_path, file) as url:
        reported = look(examined, url, file)
    found = reported.one("hq0", "certificate")
    assert found.level is level
    dates = f"{FROM} to {(NOW + ends).date().isoformat()}"
    assert found.text.startswith(text)
    assert found.text.endswith(f"mail.example.com (127.0.0.1), by mail.example.com, {dates}")
    assert (reported.level("hq0", "tls"), reported.one("hq0", "tls").text[:7]) == (Level.OK, "TLSv1.3")
    assert reported.level("hq0", "login") is Level.OK


@pytest.mark.parametrize(
    ("address", "days", "what", "remedy"),
    [
        ("127.0.0.1", -1, "has expired: mail.example.com (127.0.0.1)", "renew it on the server"),
        ("127.0.0.9", 2, "is for another address: mail.example.com (127.0.0.9)", "use the name in the certificate"),
    ],
)
def test_a_refused_certificate_is_reported_with_its_dates_and_names(
    tmp_path: Path, examined: DoctorInstallation, address: str, days: int, what: str, remedy: str
) -> None:
    ends = timedelta(days=days)
    file = certificate(tmp_path, address=address, ends=ends)
    with serving(tmp_path, file) as url:
        reported = look(examined, url, file)
    found = reported.one("hq0", "certificate")
    assert (found.level, what in found.text) == (Level.FAIL, True)
    assert found.text.endswith(f"{FROM} to {(NOW + ends).date().isoformat()}")
    assert found.remedy.startswith(remedy)
    assert set(reported.checks("hq0")) == {"name", "connection", "certificate"}


def test_nothing_is_read_from_a_certificate_of_nobody(tmp_path: Path, examined: DoctorInstallation) -> None:
    file = certificate(tmp_path, ends=timedelta(days=-1))
    with serving(tmp_path, file) as url:
        reported = look(examined, url, None)
    found = reported.one("hq0", "certificate")
    assert (found.level, found.text) == (Level.FAIL, "the server's certificate is self-signed")
    assert found.remedy == "add the certificate of its authority to ca_bundle"
    assert set(reported.checks("hq0")) == {"name", "connection", "certificate"}


def test_an_old_version_is_refused_and_where_it_is_allowed_worth_a_word(
    tmp_path: Path, examined: DoctorInstallation
) -> None:
    file = certificate(tmp_path)
    with serving(tmp_path, file, "--tls-min", "1.0", "--tls-max", "1.0") as url:
        refused = look(examined, url, file).one("hq0", "tls")
        other = tmp_path / "other"
        other.mkdir()
        allowed = look(DoctorInstallation(other), url, file, 'tls_minimum = "1.0"').one("hq0", "tls")
    assert (refused.level, "tls_minimum" in refused.remedy) == (Level.FAIL, True)
    assert (allowed.level, allowed.text[:6]) == (Level.WARN, "TLSv1,")


def test_an_allowance_that_is_not_needed_is_worth_a_word(tmp_path: Path, examined: DoctorInstallation) -> None:
    file = certificate(tmp_path)
    with serving(tmp_path, file) as url:
        found = look(examined, url, file, 'tls_minimum = "1.0"').one("hq0", "tls")
    assert (found.level, found.remedy) == (Level.WARN, 'set tls_minimum = "1.2"')


def test_a_port_without_tls_is_named(examined: DoctorInstallation, scripted: ScriptedServer) -> None:
    scripted.greeting = b"HTTP/1.1 400 Bad Request\r\n\r\n"
    scripted.script(HANG)
    found = look(examined, scripted.url.replace("http:", "https:"), None).one("hq0", "tls")
    assert (found.level, found.text) == (Level.FAIL, "the server does not speak TLS on this port")
    assert scripted.requests == []
