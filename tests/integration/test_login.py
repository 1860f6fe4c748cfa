"""Logging in to servers of every kind; the directory behind the simulator counts the logons."""

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rsvpq.http import auth
from rsvpq.http.credential import Credential
from rsvpq.mail.drafts import unsent_answers
from rsvpq.mail.errors import LOGIN_DELAY_S, Busy, ExchangeError, LoginRefused
from rsvpq.mail.messages import Verdict
from rsvpq.webdav.mailbox import WebDavMailbox
from rsvpq.webdav.server import WebDavServer
from tests.support.exchange_site import inbox, requests_in
from tests.support.login_sites import PASSWORD, LoginSite, login_site
from tests.support.scripted_server import NO_ROWS, XML, ScriptedServer, play

pytestmark = pytest.mark.slow

FORMS = ("forms2003", "forms2007", "isa", "portal")
WRONG = "no-password-of-ours"
THREADS = 16


@pytest.fixture(params=["basic", "ntlm", *FORMS])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LoginSite]:
    with login_site(tmp_path, request.param) as site:
        yield site


@pytest.fixture(params=FORMS)
def forms(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LoginSite]:
    with login_site(tmp_path, request.param) as site:
        yield site


@pytest.fixture
def ntlm(tmp_path: Path) -> Iterator[LoginSite]:
    with login_site(tmp_path, "ntlm") as site:
        yield site


def _together(work: Callable[[], object]) -> list[object]:
    """What each of the threads got out of it, or the error."""
    barrier = threading.Barrier(THREADS)

    def one() -> object:
        barrier.wait()
        try:
            return work()
        except ExchangeError as error:
            return error

    with ThreadPoolExecutor(THREADS) as pool:
        return [future.result() for future in [pool.submit(one) for _ in range(THREADS)]]


def test_a_mailbox_is_read_with_each_kind_of_login(site: LoginSite) -> None:
    assert inbox(site.box(site.server()))


def test_a_wrong_password_is_shown_once_and_then_no_more(site: LoginSite) -> None:
    server = site.server(WRONG)
    with pytest.raises(LoginRefused) as first:
        site.box(server)
    with pytest.raises(LoginRefused, match="not sent"):
        site.box(server)
    assert first.value.delay_s == LOGIN_DELAY_S
    assert site.logins() == (0, 1)


def test_many_threads_show_a_wrong_password_once(site: LoginSite) -> None:
    server, name = site.server(WRONG), site.mailboxes()[0]["mailbox"]
    assert {type(one) for one in _together(lambda: WebDavMailbox(server, name))} == {LoginRefused}
    assert site.logins() == (0, 1)


def test_nothing_that_can_be_seen_holds_the_password(site: LoginSite, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    server = site.server(WRONG)
    with pytest.raises(LoginRefused) as caught:
        site.box(server)
    good = site.server()
    answer = good.send("PROPFIND", f"/exchange/{site.mailboxes()[0]['mailbox']}/", headers={"Depth": "0"})
    seen = f"{caught.value!s}{caught.value!r}{vars(caught.value)}{answer!r}{server!r}{good!r}{caplog.text}"
    seen += repr(site.account()) + repr(site.account(WRONG))
    for secret in (WRONG, PASSWORD, "cadata", "sessionid="):
        assert secret not in seen


def test_a_credential_that_one_server_refused_is_not_shown_to_another(tmp_path: Path) -> None:
    with login_site(tmp_path, "basic", "--lockout", "2", servers=2) as site:
        credential = Credential()
        for number in (0, 1, 0, 1):
            with pytest.raises(LoginRefused):
                site.box(site.server(WRONG, credential, number))
        assert site.logins() == (0, 1)
        assert site.exchange.ask("summary")["logins"]["locked_out"] == []


def test_a_server_that_refuses_a_good_password_starves_no_other(
    scripted: ScriptedServer, elsewhere: ScriptedServer
) -> None:
    scripted.script(play(207, NO_ROWS, **XML))
    elsewhere.script(play(401))
    credential = Credential()
    good, bad = (
        WebDavServer(f"{one.url}/exchange/", auth.basic("svc", PASSWORD), credential=credential)
        for one in (scripted, elsewhere)
    )
    for _ in range(4):
        assert good.send("PROPFIND", "/exchange/adele/", headers={"Depth": "0"}).status == 207
        with pytest.raises(LoginRefused):
            bad.send("PROPFIND", "/exchange/bela/", headers={"Depth": "0"})
    assert (len(scripted.requests), len(elsewhere.requests)) == (4, 1)


# -- forms ---------------------------------------------------------------------------------------------------------


def test_many_threads_log_in_once(forms: LoginSite) -> None:
    server, names = forms.server(), [facts["mailbox"] for facts in forms.mailboxes()]
    found = _together(lambda: [inbox(WebDavMailbox(server, name)) for name in names[:2]])
    assert all(isinstance(one, list) for one in found)
    assert forms.logins() == (1, 0)


def test_many_threads_log_in_once_more_when_the_session_has_ended(forms: LoginSite) -> None:
    server = forms.server()
    box = forms.box(server)
    forms.forget_sessions()
    found = _together(lambda: inbox(box))
    assert all(found) and not any(isinstance(one, ExchangeError) for one in found)  # noqa: PT018 - one fact
    assert forms.logins() == (2, 0)


@pytest.mark.parametrize("option", [(), ("--expired-page",)], ids=["redirect", "page"])
@pytest.mark.parametrize("kind", FORMS)
def test_what_the_end_of_a_session_refused_is_done_exactly_once(
    tmp_path: Path, kind: str, option: tuple[str, ...]
) -> None:
    with login_site(tmp_path, kind, *option) as site:
        server = site.server()
        for number in range(6):
            box = site.box(server, number)
            wanted = requests_in(box)
            if wanted:
                break
        site.forget_sessions()
        box.command(wanted[0], Verdict.ACCEPT)
        (reported,) = [m for m in site.exchange.messages() if m["uid"] == wanted[0].uid and m["accepted"]]
        assert reported["accepted"] == 1
        (draft,) = [draft for draft in unsent_answers(box) if draft.uid == wanted[0].uid]
        site.forget_sessions()
        box.send(draft)
        (reported,) = [m for m in site.exchange.messages() if m["uid"] == wanted[0].uid and m["accepted"]]
        assert reported["submitted"] == 1
        assert site.logins() == (3, 0)


def test_a_session_is_renewed_during_use(tmp_path: Path) -> None:
    with login_site(tmp_path, "forms2003", "--reissue-every", "1", "--cookie-secure") as site:
        box = site.box(site.server())
        for _ in range(5):
            assert inbox(box)
        assert site.logins() == (1, 0)


def test_a_session_is_not_shared_between_servers(tmp_path: Path) -> None:
    with login_site(tmp_path, "forms2003", servers=2) as site:
        credential = Credential()
        first, second = (site.server(PASSWORD, credential, number) for number in (0, 1))
        for server in (first, second):
            server.send("PROPFIND", f"/exchange/{site.mailboxes()[0]['mailbox']}/", headers={"Depth": "0"}, known={404})
        assert site.logins() == (2, 0)


def test_a_form_that_asks_for_more_than_a_password_is_not_filled_in(tmp_path: Path) -> None:
    with login_site(tmp_path, "token-portal") as site:
        server = site.server()
        for _ in range(2):
            with pytest.raises(Busy, match=r"2 password fields \(txtUserPass, SafeWordPassword\)") as caught:
                site.box(server)
            assert not isinstance(caught.value, LoginRefused)
        assert site.logins() == (0, 0)


def test_a_server_without_a_form_is_named_as_such_and_gets_nothing(tmp_path: Path) -> None:
    with login_site(tmp_path, "basic") as site:
        mistaken = LoginSite(site.exchange, "forms")
        with pytest.raises(Busy, match="no login form; correct auth in the settings") as caught:
            site.box(mistaken.server())
        assert not isinstance(caught.value, LoginRefused)
        assert site.logins() == (0, 0)


# -- NTLM ----------------------------------------------------------------------------------------------------------


def test_a_connection_is_authenticated_once_for_all_its_requests(ntlm: LoginSite) -> None:
    box = ntlm.box(ntlm.server())
    for _ in range(5):
        assert inbox(box)
    assert ntlm.logins() == (1, 0)


def test_each_thread_has_a_connection_of_its_own(ntlm: LoginSite) -> None:
    server = ntlm.server()
    box = ntlm.box(server)
    threads = threading.Barrier(3)

    def work() -> None:
        threads.wait()
        for _ in range(3):
            assert inbox(box)

    with ThreadPoolExecutor(3) as pool:
        for future in [pool.submit(work) for _ in range(3)]:
            future.result()
    assert ntlm.logins() == (4, 0)


def test_a_lost_connection_is_authenticated_again_before_anything_is_changed(ntlm: LoginSite) -> None:
    server = ntlm.server()
    for number in range(6):
        box = ntlm.box(server, number)
        wanted = requests_in(box)
        if wanted:
            break
    server._connection().close()
    box.command(wanted[0], Verdict.ACCEPT)
    (reported,) = [m for m in ntlm.exchange.messages() if m["uid"] == wanted[0].uid and m["accepted"]]
    assert reported["accepted"] == 1
    assert ntlm.logins() == (2, 0)


def test_a_server_that_offers_no_ntlm_is_named_as_such(tmp_path: Path) -> None:
    with login_site(tmp_path, "negotiate-only") as site:
        mistaken = LoginSite(site.exchange, "ntlm")
        with pytest.raises(Busy, match="does not offer NTLM; correct auth in the settings") as caught:
            site.box(mistaken.server())
        assert not isinstance(caught.value, LoginRefused)
