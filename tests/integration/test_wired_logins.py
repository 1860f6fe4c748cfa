"""From the settings to a login: the scheme that was chosen, and one credential for all servers that share it."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from redis import Redis

from rsvpq.ews.mailbox import EwsMailbox
from rsvpq.lanes import Lanes
from rsvpq.mail.errors import Busy, LoginRefused
from rsvpq.mail.lease import NoLease
from rsvpq.mail.messages import Intent, ItemRef, Kind, MeetingMessage, Verdict
from rsvpq.settings import load_settings
from rsvpq.tasks.claims import Claims
from rsvpq.webdav.mailbox import WebDavMailbox
from rsvpq.wiring.backends import Backends
from tests.support import ews_responses as ews
from tests.support.ews_responses import Exchange
from tests.support.login_sites import PASSWORD, LoginSite, login_site
from tests.support.scripted_server import ScriptedServer, play


def exchange(
    folder: Path, redis: Redis, site: LoginSite, password: str = PASSWORD, protocol: str = "webdav"
) -> Backends:
    """The servers as a worker has them."""
    (folder / "mailboxes.csv").write_text("mailbox,server\n")
    (folder / "secret").write_text(password)
    tables = [
        f"""[servers.hq{number}]\nprotocol = "{protocol}"\nurl = "{url}"
username = 'corp\\{"svc-rsvpq" if number else "SVC-rsvpq"}'
auth = "{site.scheme}"\npassword_file = "secret"\nallow_http = true\n"""
        for number, url in enumerate(site.exchange.urls)
    ]
    (folder / "rsvpq.toml").write_text('mailboxes = "mailboxes.csv"\n' + "".join(tables))
    return Backends(load_settings(folder / "rsvpq.toml", {}).servers, Claims(Lanes(redis)))


@pytest.mark.parametrize("kind", ["basic", "ntlm", "forms2003", "forms2007", "isa", "portal"])
def test_the_chosen_scheme_opens_a_mailbox(tmp_path: Path, redis: Redis, kind: str) -> None:
    with login_site(tmp_path, kind) as site:
        servers = exchange(tmp_path, redis, site)
        for _ in range(2):
            with servers.mailbox("hq0", site.mailboxes()[0]["mailbox"], NoLease()) as box:
                assert isinstance(box, WebDavMailbox)
                assert box.folders.inbox
        assert site.logins()[1] == 0


@pytest.mark.parametrize("kind", ["basic", "ntlm", "forms2007"])
def test_a_user_name_that_one_server_refused_is_shown_to_no_other(tmp_path: Path, redis: Redis, kind: str) -> None:
    with login_site(tmp_path, kind, servers=2) as site:
        servers = exchange(tmp_path, redis, site, "wrong")
        for name in ("hq0", "hq1", "hq0"):
            with pytest.raises(LoginRefused), servers.mailbox(name, site.mailboxes()[0]["mailbox"], NoLease()):
                pass
        assert site.logins() == (0, 1)


def ews_servers(folder: Path, redis: Redis, exchange: Exchange, password: str, *lines: str) -> Backends:
    """Two names of a server with Exchange Web Services, as a worker has them."""
    (folder / "mailboxes.csv").write_text("mailbox,server\n")
    (folder / "secret").write_text(password)
    tables = [
        f"""[servers.{name}]\nprotocol = "ews"\nurl = "{exchange.scripted.url}"\nusername = 'svc'
password_file = "secret"\nallow_http = true\n"""
        + "\n".join([*lines, ""])
        for name in ("hq0", "hq1")
    ]
    (folder / "rsvpq.toml").write_text('mailboxes = "mailboxes.csv"\n' + "".join(tables))
    return Backends(load_settings(folder / "rsvpq.toml", {}).servers, Claims(Lanes(redis)))


@pytest.mark.parametrize("access", ["impersonation", "delegate"])
def test_exchange_web_services_open_a_mailbox_as_the_settings_say(
    tmp_path: Path, redis: Redis, scripted: ScriptedServer, access: str
) -> None:
    exchange = Exchange(scripted)
    lines = (f'access = "{access}"', 'schema = "2007"', 'marker = "off"')
    servers = ews_servers(tmp_path, redis, exchange, ews.PASSWORD, *lines)
    with servers.mailbox("hq0", ews.ADELE, NoLease()) as box:
        assert isinstance(box, EwsMailbox)
        request = MeetingMessage(Kind.REQUEST, ItemRef("1", ("AAMk", "Cw")))
        assert not box.mark(request, Intent("1" * 32, Verdict.ACCEPT, datetime.now(UTC)))
    (asked,) = exchange.asked
    assert asked.raw.target == "/EWS/Exchange.asmx"
    assert (asked.schema, asked.mailbox) == ("Exchange2007_SP1", ews.ADELE if access == "impersonation" else "")
    assert [one.text for one in asked.body.iter(f"{ews.T}EmailAddress")] == ([ews.ADELE] if not asked.mailbox else [])


def test_a_user_name_that_exchange_web_services_refused_is_shown_to_no_other(
    tmp_path: Path, redis: Redis, scripted: ScriptedServer
) -> None:
    exchange = Exchange(scripted, {"GetFolder": play(401, WWW_Authenticate="Basic")})
    servers = ews_servers(tmp_path, redis, exchange, "wrong")
    for name in ("hq0", "hq1", "hq0"):
        with pytest.raises(LoginRefused), servers.mailbox(name, ews.ADELE, NoLease()):
            pass
    assert len(exchange.asked) == 1


@pytest.mark.parametrize("protocol", ["webdav", "ews"])
def test_another_scheme_than_the_server_has_is_named(tmp_path: Path, redis: Redis, protocol: str) -> None:
    with login_site(tmp_path, "negotiate-only") as site:
        servers = exchange(tmp_path, redis, LoginSite(site.exchange, "ntlm"), protocol=protocol)
        with pytest.raises(Busy, match="does not offer NTLM"), servers.mailbox("hq0", ews.ADELE, NoLease()):
            pass


def test_exchange_web_services_authenticate_a_connection_once_for_all_mailboxes(tmp_path: Path, redis: Redis) -> None:
    with login_site(tmp_path, "ntlm") as site:
        servers = exchange(tmp_path, redis, site, protocol="ews")
        for facts in site.mailboxes():
            with servers.mailbox("hq0", facts["address"], NoLease()) as box:
                assert isinstance(box, EwsMailbox)
                assert list(box.meeting_messages())
        assert site.logins() == (1, 0)


def test_a_refused_password_stays_refused_when_other_settings_are_applied(tmp_path: Path, redis: Redis) -> None:
    with login_site(tmp_path, "basic", servers=2) as site:
        name, before = site.mailboxes()[0]["mailbox"], exchange(tmp_path, redis, site, "wrong")
        with pytest.raises(LoginRefused), before.mailbox("hq0", name, NoLease()):
            pass
        settings = load_settings(tmp_path / "rsvpq.toml", {"RSVPQ_SERVERS__HQ0__RATE": "1/s"})
        after = Backends(settings.servers, Claims(Lanes(redis)), before=before)
        for server in ("hq0", "hq1"):
            with pytest.raises(LoginRefused), after.mailbox(server, name, NoLease()):
                pass
        assert site.logins() == (0, 1)
        (tmp_path / "secret").write_text(PASSWORD)
        corrected = Backends(load_settings(tmp_path / "rsvpq.toml", {}).servers, Claims(Lanes(redis)), before=after)
        with corrected.mailbox("hq0", name, NoLease()):
            pass
        assert site.logins() == (1, 1)


def test_what_was_learned_about_a_server_stays_while_its_settings_do(tmp_path: Path, redis: Redis) -> None:
    with login_site(tmp_path, "basic") as site:
        name, before = site.mailboxes()[0]["mailbox"], exchange(tmp_path, redis, site)
        with before.mailbox("hq0", name, NoLease()):
            pass
        asked = site.exchange.ask("summary")["http_requests"]
        same = load_settings(tmp_path / "rsvpq.toml", {"RSVPQ_MODE": "respond"})
        with Backends(same.servers, Claims(Lanes(redis)), before=before).mailbox("hq0", name, NoLease()):
            pass
        assert site.exchange.ask("summary")["http_requests"] == asked  # neither a login nor its folders once more
