"""``rsvpq doctor`` on mail servers: one login at most, nothing changed, and a remedy for whatever is wrong."""

import json
from pathlib import Path

import pytest
from redis import Redis

from rsvpq.doctor.mail_server import ExaminedServer, ServerNotes, examine
from rsvpq.doctor.results import ExitCode, Level, exit_code
from rsvpq.http.probe import schemes_of
from rsvpq.mail.checks import Checks
from testbed.processes import free_port
from testbed.queue_server import QueueServer
from tests.support.doctor_installation import DoctorInstallation
from tests.support.login_sites import PASSWORD, LoginSite, login_site
from tests.support.scripted_server import DRIP, HANG, NOT_HTTP, Play, Received, ScriptedServer, play

READING = {"GET", "PROPFIND", "SEARCH", "POST"}  # the POST is that of a login form
STORE = "6.5.7226"


@pytest.fixture
def examined(tmp_path: Path, shared_queue_server: QueueServer, redis: Redis) -> DoctorInstallation:
    """An installation without servers yet, whose Redis nobody has used."""
    assert redis.dbsize() == 0
    return DoctorInstallation(tmp_path, shared_queue_server.url)


def add(examined: DoctorInstallation, site: LoginSite, *lines: str, name: str = "hq0", password: str = PASSWORD) -> str:
    """Add the site's server to the installation; the mailbox on it."""
    number = int(name[-1])
    mailbox: str = next(one["mailbox"] for one in site.mailboxes() if one["server"] == number)
    auth = () if any(line.startswith("auth") for line in lines) else (f'auth = "{site.scheme}"',)
    examined.server(name, site.exchange.urls[number], password, *auth, *lines, mailbox=mailbox)
    return mailbox


# -- a server in good health ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["basic", "ntlm", "forms2003", "forms2007", "isa", "portal"])
def test_a_healthy_server_is_seen_through_with_one_login_and_no_change(
    tmp_path: Path, examined: DoctorInstallation, kind: str
) -> None:
    with login_site(tmp_path, kind, "--switch", "language=de") as site:
        mailbox = add(examined, site)
        before = site.exchange.messages()
        reported = examined.examine()
        assert reported.code is ExitCode.HEALTHY
        checks = reported.checks("hq0")
        opened = ("login", "mailbox", "inbox", "drafts", "sent items", "deleted items", "calendar", "submission")
        assert {checks[check] for check in (*opened, "version", "clock")} == {Level.OK}
        assert reported.one("hq0", "mailbox").text.startswith(f"{mailbox}: Posteingang, Entwürfe")
        assert "Exchange 2003" in reported.one("hq0", "version").text
        assert checks["writing"] is Level.SKIP
        summary = site.exchange.ask("summary")
        assert summary["mutating"] == 0
        assert site.exchange.messages() == before
        assert set(summary["requests_by_verb"]) <= READING
        assert site.logins()[1] == 0


def test_a_password_without_encryption_is_worth_a_word(tmp_path: Path, examined: DoctorInstallation) -> None:
    with login_site(tmp_path, "basic") as site:
        add(examined, site)
        reported = examined.examine()
        assert (reported.level("hq0", "tls"), reported.level("hq0", "auth")) == (Level.WARN, Level.WARN)


def test_a_chosen_mailbox_goes_before_the_first(tmp_path: Path, examined: DoctorInstallation) -> None:
    with login_site(tmp_path, "basic") as site:
        first = add(examined, site)
        other = next(one["mailbox"] for one in site.mailboxes() if one["mailbox"] != first)
        examined.list(f"{other},hq0")
        reported = json.loads(examined.rsvpq("--mailbox", other.upper(), "--json").stdout)
        shown = {found["check"]: found["text"] for found in reported["servers"]["hq0"]}
        assert shown["mailbox"].startswith(f"{other}:")


# -- logins --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["basic", "ntlm", "forms2003", "forms2007", "isa", "portal"])
def test_a_wrong_password_costs_one_failed_logon_whatever_the_number_of_servers(
    tmp_path: Path, examined: DoctorInstallation, kind: str
) -> None:
    with login_site(tmp_path, kind, servers=3) as site:
        for number in range(3):
            add(examined, site, name=f"hq{number}", password="wrong")
        reported = examined.examine()
        assert site.logins() == (0, 1)
        texts = [reported.one(f"hq{number}", "login").text for number in range(3)]
        assert sum("this was the one attempt" in text for text in texts) == 1
        assert sum(text.startswith("not tried: hq") for text in texts) == 2
        assert reported.code is ExitCode.BROKEN


def test_a_password_is_not_shown_to_a_server_that_asks_otherwise(
    examined: DoctorInstallation, scripted: ScriptedServer
) -> None:
    scripted.script(play(401, WWW_Authenticate='Digest realm="a, Basic b", NTLM'))
    examined.server("hq0", scripted.url, "secret", mailbox="adele")
    reported = examined.examine()
    found = reported.one("hq0", "auth")
    assert (found.level, found.text) == (Level.FAIL, "basic is configured, but digest, ntlm is offered")
    assert found.remedy == 'auth = "ntlm"'
    assert [request.method for request in scripted.requests] == ["GET"]
    assert not any("Authorization" in request.headers for request in scripted.requests)


@pytest.mark.parametrize(("kind", "auth", "remedy"), [("forms2003", "basic", "forms"), ("basic", "forms", "basic")])
def test_another_login_than_the_configured_one_is_named(
    tmp_path: Path, examined: DoctorInstallation, kind: str, auth: str, remedy: str
) -> None:
    with login_site(tmp_path, kind) as site:
        add(examined, site, f'auth = "{auth}"')
        found = examined.examine().one("hq0", "auth")
        assert (found.level, found.remedy) == (Level.FAIL, f'auth = "{remedy}"')
        assert site.logins() == (0, 0)


def test_a_mailbox_without_rights_is_no_wrong_password(examined: DoctorInstallation, scripted: ScriptedServer) -> None:
    def reply(request: Received) -> Play:
        if "Authorization" in request.headers and request.target == "/exchange/":
            return play(404, MS_WebStorage=STORE)
        return play(401, WWW_Authenticate="Basic")

    scripted.reply = reply
    examined.server("hq0", scripted.url, "secret", mailbox="adele")
    reported = examined.examine()
    assert reported.level("hq0", "login") is Level.OK
    assert reported.one("hq0", "mailbox").text == "adele: no rights, though the credential is accepted"
    assert len(scripted.requests) == 3


def test_what_a_filter_answers_is_no_login_and_the_mailbox_settles_it(
    examined: DoctorInstallation, scripted: ScriptedServer
) -> None:
    def reply(request: Received) -> Play:
        filtered = "Authorization" in request.headers and request.target == "/exchange/"
        return play(404) if filtered else play(401, WWW_Authenticate="Basic")

    scripted.reply = reply
    examined.server("hq0", scripted.url, "secret", mailbox="adele")
    reported = examined.examine()
    assert reported.one("hq0", "login").text.startswith("refused (")
    assert sum("Authorization" in request.headers for request in scripted.requests) == 2


def test_a_mailbox_that_is_elsewhere_is_named(tmp_path: Path, examined: DoctorInstallation) -> None:
    with login_site(tmp_path, "basic") as site:
        examined.server("hq0", site.exchange.urls[0], PASSWORD, mailbox="nobody")
        reported = examined.examine()
        assert (reported.level("hq0", "login"), reported.level("hq0", "mailbox")) == (Level.OK, Level.FAIL)
        assert reported.one("hq0", "mailbox").text == "nobody: not found on this server"


@pytest.mark.parametrize(
    ("line", "schemes"),
    [
        ("Negotiate", {"negotiate"}),
        ('Basic realm="mail.example.com"', {"basic"}),
        ('Digest qop="auth", nonce="NTLM, Basic x", realm=corp, NTLM', {"digest", "ntlm"}),
        (r'Basic realm="a \", NTLM "', {"basic"}),
        ("NTLM TlRMTVNTUAAC==, Basic", {"ntlm", "basic"}),
        ("", set()),
    ],
)
def test_the_schemes_of_a_header_are_read(line: str, schemes: set[str]) -> None:
    assert schemes_of(line) == schemes


# -- what servers do -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("switch", "check", "level", "text"),
    [
        ("clock_skew_s=120", "clock", Level.WARN, "s ahead of this machine; "),
        ("clock_skew_s=-3600", "clock", Level.FAIL, "s behind Redis"),
        ("version=2007", "version", Level.WARN, "Exchange 2007"),
        ("version=2000", "version", Level.OK, "Exchange 2000"),
        ("calendar_access=403", "calendar", Level.WARN, "returned 403"),
        ("root_access=non-ipm-only", "mailbox", Level.OK, "adele0:"),
    ],
)
def test_what_a_server_is_like_is_reported(
    tmp_path: Path, examined: DoctorInstallation, switch: str, check: str, level: Level, text: str
) -> None:
    with login_site(tmp_path, "basic", "--switch", switch) as site:
        add(examined, site)
        reported = examined.examine()
        found = reported.one("hq0", check)
        assert (found.level, text in found.text) == (level, True), found
        assert reported.code is (ExitCode.BROKEN if level is Level.FAIL else ExitCode.HEALTHY)


@pytest.mark.parametrize("fault", ["search:500-before", "search:garbage", "search:reset-before"])
def test_a_search_that_does_not_work_fails_each_folder(
    tmp_path: Path, examined: DoctorInstallation, fault: str
) -> None:
    with login_site(tmp_path, "basic", "--fault", fault) as site:
        add(examined, site)
        checks = examined.examine().checks("hq0")
        assert {checks[check] for check in ("inbox", "drafts", "sent items", "deleted items")} == {Level.FAIL}
        assert checks["calendar"] is Level.WARN


@pytest.mark.parametrize(
    ("answer", "check", "text"),
    [
        (HANG, "http", "no response after 1 s"),
        (NOT_HTTP, "http", "no response to a GET of /exchange/: invalid HTTP response"),
        (play(503), "auth", "an unauthenticated request got 503"),
        (play(401), "auth", "no request to log in"),
        (play(200), "auth", "no request to log in"),
        (play(302, Location="https://elsewhere.example.com/"), "auth", "redirected to https://elsewhere.example.com/"),
    ],
)
def test_a_server_that_does_not_ask_for_a_login_is_reported_and_not_shown_one(
    examined: DoctorInstallation, scripted: ScriptedServer, answer: Play, check: str, text: str
) -> None:
    scripted.script(answer)
    examined.server("hq0", scripted.url, "secret", 'read_timeout = "1s"', mailbox="adele")
    reported = examined.examine()
    assert (reported.level("hq0", check), text in reported.one("hq0", check).text) == (Level.FAIL, True)
    assert len(scripted.requests) == 1


def test_one_server_that_never_ends_does_not_hold_the_others_up(
    tmp_path: Path, examined: DoctorInstallation, scripted: ScriptedServer
) -> None:
    scripted.script(DRIP)
    with login_site(tmp_path, "basic") as site:
        examined.server("slow", scripted.url, PASSWORD)
        add(examined, site)
        # On a busy machine the healthy server takes longer too.
        for longest_s in (5, 20, 80):
            reported = examined.examine(longest_s=longest_s)
            assert reported.level("slow", "time") is Level.FAIL
            if not reported.all("hq0", "time"):
                break
        assert reported.level("hq0", "inbox") is Level.OK
        assert reported.code is ExitCode.PARTLY


def test_what_a_server_writes_does_not_reach_the_terminal(
    examined: DoctorInstallation, scripted: ScriptedServer
) -> None:
    scripted.script(play(401, WWW_Authenticate="Basic", MS_WebStorage="6.5\x1b[2J", Server="\x9b31mIIS"))
    examined.server("hq0", scripted.url, "secret", mailbox="adele")
    shown = examined.rsvpq().stdout
    assert "6.5\\x1b[2J" in shown
    assert not {"\x1b", "\x9b"} & set(shown)


def test_a_check_that_breaks_off_does_not_pass_for_one_that_found_nothing() -> None:
    def break_off(_mailbox: str, _checks: Checks) -> bool:
        raise AttributeError

    notes = ServerNotes("hq0")
    with pytest.raises(AttributeError):
        examine(ExaminedServer("hq0", break_off, "adele"), notes)
    assert exit_code([notes]) is ExitCode.BROKEN


# -- the command ---------------------------------------------------------------------------------------------------


def test_the_command_shows_each_group_and_ends_with_3_for_some_servers(
    tmp_path: Path, examined: DoctorInstallation
) -> None:
    with login_site(tmp_path, "basic") as site:
        add(examined, site)
        examined.server("gone", f"http://127.0.0.1:{free_port()}", PASSWORD)
        ended = examined.rsvpq()
        assert (ended.returncode, ended.stderr) == (3, "")
        lines = ended.stdout.splitlines()
        heads = [line for line in lines if line in {"settings", "redis", "processes", "server hq0", "server gone"}]
        assert heads == ["settings", "redis", "processes", "server hq0", "server gone"]
        assert max(map(len, lines)) <= 100
        assert "(Connection refused)" in ended.stdout
        assert PASSWORD not in ended.stdout
        assert examined.rsvpq("hq0").returncode == 0
        gone = examined.rsvpq("gone", "--json")
        assert gone.returncode == 1
        reported = json.loads(gone.stdout)
        assert (reported["exit_code"], list(reported["servers"])) == (1, ["gone"])
        failed = [found for found in reported["servers"]["gone"] if found["level"] == "FAIL"]
        assert [found["check"] for found in failed] == ["connection"]
        assert failed[0]["remedy"]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("hq9",), "no server 'hq9'; the settings have: hq0, hq1"),
        (("--mailbox", "adelle"), "did you mean adele?"),
        (("hq1", "--mailbox", "adele"), "adele is on server hq0; name that server, or no server"),
    ],
)
def test_who_is_not_in_the_settings_is_wrong_usage(
    examined: DoctorInstallation, arguments: tuple[str, ...], complaint: str
) -> None:
    examined.server("hq0", "http://127.0.0.1:9", "secret", mailbox="adele")
    examined.server("hq1", "http://127.0.0.1:9", "secret")
    ended = examined.rsvpq(*arguments)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert complaint in ended.stderr
