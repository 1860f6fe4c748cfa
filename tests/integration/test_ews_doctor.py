"""``rsvpq doctor`` with Exchange Web Services: one login, nothing changed, and a remedy for whatever is wrong."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from redis import Redis

from rsvpq.doctor.results import CheckResult, ExitCode, Level
from rsvpq.http import auth
from testbed.queue_server import QueueServer
from testbed.simulated_exchange import SimulatedExchange
from tests.support import ews_responses as ews
from tests.support.doctor_installation import DoctorInstallation
from tests.support.ews_responses import ADELE, PASSWORD, Asked, Exchange, Script
from tests.support.scripted_server import Play, Received, ScriptedServer, play

ALL = ("CreateContents", "Delete", "Modify", "Read")
SE = "15.2.2562.17"
NO_LOGIN = play(401, WWW_Authenticate="Basic")


def of_build(body: bytes, build: str = SE) -> bytes:
    """A response of a server of this build, the newest unless told otherwise."""
    return ews.of_build(body, build)


def folder(name: str, rights: tuple[str, ...] = ALL) -> str:
    """What GetFolder shows of a folder."""
    shown = "".join(f"<t:{right}>{str(right in rights).lower()}</t:{right}>" for right in ALL)
    return ews.success(
        "GetFolder",
        f'<m:Folders><t:Folder><t:FolderId Id="AAMk{name}=" ChangeKey="AQ=="/><t:TotalCount>7</t:TotalCount>'
        f"<t:EffectiveRights>{shown}</t:EffectiveRights></t:Folder></m:Folders>",
    )


THREE = ews.response("GetFolder", folder("Inbox"), folder("Calendar"), folder("Sent"))
NO_MAILBOX = ews.response("GetFolder", ews.failed("GetFolder", "ErrorMissingEmailAddress"))


def is_probe(asked: Asked) -> bool:
    """Whether only the login is asked for."""
    return len(list(asked.body.iter(f"{ews.T}DistinguishedFolderId"))) == 1


def as_mailbox(exchange: Exchange, script: Script | bytes | Play) -> None:
    """Set what a request for a mailbox gets; the account has no mailbox of its own."""

    def reply(asked: Asked) -> bytes | Play:
        if is_probe(asked):
            return of_build(NO_MAILBOX)
        return script(asked) if callable(script) else script

    exchange.scripts["GetFolder"] = reply


@pytest.fixture
def exchange(scripted: ScriptedServer) -> Exchange:
    """A server in good health, which asks for a login."""
    exchange = Exchange(scripted)
    as_mailbox(exchange, of_build(THREE))
    answered = scripted.reply
    assert answered is not None
    right = auth.basic(SimulatedExchange.username, PASSWORD).authorization

    def reply(request: Received) -> Play:
        return answered(request) if request.headers.get("Authorization") == right else NO_LOGIN

    scripted.reply = reply
    return exchange


@pytest.fixture
def examined(tmp_path: Path, shared_queue_server: QueueServer, redis: Redis) -> DoctorInstallation:
    """An installation without servers yet."""
    assert redis.dbsize() == 0
    return DoctorInstallation(tmp_path, shared_queue_server.url)


def add(
    examined: DoctorInstallation,
    exchange: Exchange,
    *lines: str,
    name: str = "hq0",
    password: str = PASSWORD,
    mailbox: str = ADELE,
) -> None:
    """Add the server to the installation, with a mailbox on it."""
    examined.server(name, exchange.scripted.url, password, 'protocol = "ews"', *lines, mailbox=mailbox)


def found(examined: DoctorInstallation, check: str) -> CheckResult:
    """The result of one check of the only server."""
    return examined.examine().one("hq0", check)


def test_a_healthy_server_is_seen_through_with_one_login_and_no_change(
    examined: DoctorInstallation, exchange: Exchange
) -> None:
    add(examined, exchange)
    reported = examined.examine()
    assert reported.code is ExitCode.HEALTHY
    checks = reported.checks("hq0")
    assert {checks[check] for check in ("login", "mailbox", "inbox", "calendar", "sent items")} == {Level.OK}
    assert checks["writing"] is Level.SKIP
    assert "access" not in checks
    assert reported.one("hq0", "mailbox").text == f"{ADELE}: opened by impersonation"
    shown = f"Exchange 2019 or Subscription Edition ({SE}); schema Exchange2010_SP2"
    assert (checks["version"], reported.one("hq0", "version").text) == (Level.OK, shown)
    assert reported.one("hq0", "inbox").text == f"7 items; rights: {', '.join(ALL)}"
    # A probe without a login, the login, and the mailbox.
    assert [request.method for request in exchange.scripted.requests] == ["POST"] * 3
    assert {request.target for request in exchange.scripted.requests} == {"/EWS/Exchange.asmx"}
    assert [one.operation for one in exchange.asked] == ["GetFolder"] * 2
    assert [one.mailbox for one in exchange.asked] == ["", ADELE]


def test_a_wrong_password_costs_one_logon_whatever_the_number_of_servers(
    examined: DoctorInstallation, exchange: Exchange
) -> None:
    for name in ("hq0", "hq1", "hq2"):
        add(examined, exchange, name=name, password="wrong")
    reported = examined.examine()
    assert sum("Authorization" in request.headers for request in exchange.scripted.requests) == 1
    texts = [reported.one(name, "login").text for name in ("hq0", "hq1", "hq2")]
    assert sum("this was the one attempt" in text for text in texts) == 1
    assert sum(text.startswith("not tried: hq") for text in texts) == 2


def test_a_password_is_not_shown_to_a_server_that_asks_otherwise(
    examined: DoctorInstallation, exchange: Exchange
) -> None:
    exchange.scripted.reply = None
    exchange.scripted.script(play(401, WWW_Authenticate="Negotiate, NTLM"))
    add(examined, exchange)
    result = found(examined, "auth")
    assert (result.level, result.remedy) == (Level.FAIL, 'auth = "negotiate" or auth = "ntlm"')
    assert not any("Authorization" in request.headers for request in exchange.scripted.requests)


def test_without_a_mailbox_the_login_is_checked(examined: DoctorInstallation, exchange: Exchange) -> None:
    add(examined, exchange, mailbox="")
    reported = examined.examine()
    checks = reported.checks("hq0")
    assert (checks["login"], checks["mailbox"]) == (Level.OK, Level.SKIP)
    assert reported.one("hq0", "version").text == f"Exchange 2019 or Subscription Edition ({SE})"


@pytest.mark.parametrize(
    ("code", "values", "text", "remedy"),
    [
        ("ErrorImpersonateUserDenied", {}, "or its full access (No.)", "New-ManagementRoleAssignment"),
        ("ErrorNonExistentMailbox", {}, "a mailbox on this server (No.)", "must be the primary SMTP address"),
        ("ErrorServerBusy", {"BackOffMilliseconds": "42000"}, "it asks for a pause of 42 s", "New-ThrottlingPolicy"),
        ("ErrorExceededConnectionCount", {}, "it asks for a pause of 30 s", "Set-ThrottlingPolicyAssociation"),
        ("ErrorMailboxMoveInProgress", {}, "ErrorMailboxMoveInProgress", "check that the mailbox is in order"),
        ("ErrorInternalServerError", {}, "ErrorInternalServerError", "check the server and url"),
    ],
)
@pytest.mark.parametrize("by_fault", [True, False])
def test_a_mailbox_that_cannot_be_opened_is_named_with_the_remedy(
    examined: DoctorInstallation,
    exchange: Exchange,
    code: str,
    values: Mapping[str, str],
    text: str,
    remedy: str,
    by_fault: bool,
) -> None:
    failure = ews.failed("GetFolder", code, "No.", values)
    fault = ews.xml(of_build(ews.fault(code, "No.", values)), 500)
    as_mailbox(exchange, fault if by_fault else of_build(ews.response("GetFolder", *[failure] * 3)))
    add(examined, exchange)
    reported = examined.examine()
    result = reported.one("hq0", "mailbox")
    assert (result.level, reported.level("hq0", "login")) == (Level.FAIL, Level.OK)
    assert result.text.startswith(f"{ADELE}: GetFolder in {ADELE}: {code}")
    assert text in result.text
    assert remedy in result.remedy
    assert reported.level("hq0", "version") is Level.OK
    assert not reported.all("hq0", "inbox")


FORM = b"<form action=owaauth.dll method=post><input name=username><input type=password name=password></form>"


@pytest.mark.parametrize(
    ("answer", "remedy"),
    [
        (play(302, Location="/owa/auth/logon.aspx"), "correct url; if that is a login page, let the server offer a"),
        (play(200, FORM, Content_Type="text/html"), "let the server offer Basic or Integrated Windows Authentication"),
    ],
)
def test_a_login_form_is_not_offered_as_a_remedy(
    examined: DoctorInstallation, exchange: Exchange, answer: Play, remedy: str
) -> None:
    exchange.scripted.reply = None
    exchange.scripted.script(answer)
    add(examined, exchange)
    result = found(examined, "auth")
    assert (result.level, result.remedy.startswith(remedy)) == (Level.FAIL, True), result


@pytest.mark.parametrize(
    ("status", "text", "remedy"),
    [
        (403, "blocked for this mailbox", "EwsEnabled"),
        (404, "Exchange Web Services is not at", "check the server and url"),
        (401, "returned 401, though the password is right", "EwsEnabled"),
    ],
)
def test_what_comes_in_front_of_the_service_is_reported(
    examined: DoctorInstallation, exchange: Exchange, status: int, text: str, remedy: str
) -> None:
    as_mailbox(exchange, play(status, WWW_Authenticate="Basic"))
    add(examined, exchange)
    result = found(examined, "mailbox")
    assert (result.level, text in result.text, remedy in result.remedy) == (Level.FAIL, True, True), result


def test_a_401_after_an_accepted_login_is_no_wrong_password(examined: DoctorInstallation, exchange: Exchange) -> None:
    failed = ews.xml(ews.fault("ErrorInternalServerError"), 500)
    exchange.scripts["GetFolder"] = lambda asked: failed if is_probe(asked) else NO_LOGIN
    add(examined, exchange)
    reported = examined.examine()
    assert reported.level("hq0", "login") is Level.OK
    assert reported.one("hq0", "mailbox").text == f"{ADELE}: no rights, though the credential is accepted"


def test_the_mailbox_settles_a_login_that_something_in_front_hides(
    examined: DoctorInstallation, exchange: Exchange
) -> None:
    exchange.scripts["GetFolder"] = lambda asked: play(404) if is_probe(asked) else of_build(THREE)
    add(examined, exchange)
    assert examined.examine().level("hq0", "login") is Level.OK
    exchange.scripts["GetFolder"] = lambda asked: play(404) if is_probe(asked) else NO_LOGIN
    assert found(examined, "login").text.startswith("refused (")


def test_a_url_of_something_else_is_no_accepted_login(examined: DoctorInstallation, exchange: Exchange) -> None:
    exchange.scripts["GetFolder"] = play(404)
    add(examined, exchange, mailbox="")
    result = found(examined, "login")
    assert (result.level, result.text) == (
        Level.SKIP,
        "unknown: POST /EWS/Exchange.asmx returned 404, and no mailbox is listed",
    )


def test_delegate_access_is_warned_of_and_its_missing_rights_are_named(
    examined: DoctorInstallation, exchange: Exchange
) -> None:
    gone = ews.failed("GetFolder", "ErrorFolderNotFound")
    as_mailbox(exchange, ews.response("GetFolder", folder("Inbox"), gone, folder("Sent", ("Read",))))
    add(examined, exchange, 'access = "delegate"')
    reported = examined.examine()
    warning = reported.one("hq0", "access")
    assert warning.level is Level.WARN
    assert "RemoveItem" in warning.text
    assert "ErrorSendAsDenied" in warning.text
    assert reported.level("hq0", "inbox") is Level.OK
    calendar, sent = reported.one("hq0", "calendar"), reported.one("hq0", "sent items")
    assert (calendar.level, "ErrorFolderNotFound" in calendar.text) == (Level.FAIL, True)
    assert "Add-MailboxPermission" in calendar.remedy
    assert (sent.level, sent.text) == (Level.FAIL, "7 items; the account lacks the rights CreateContents")
    (asked,) = (one for one in exchange.asked if not is_probe(one))
    assert asked.mailbox == ""
    assert {one.text for one in asked.body.iter(f"{ews.T}EmailAddress")} == {ADELE}


@pytest.mark.parametrize(
    ("build", "level", "text"),
    [
        ("8.3.83.0", Level.OK, "Exchange 2007 (8.3.83.0)"),
        ("8.0.685.25", Level.WARN, "Exchange 2007 without a service pack (8.0.685.25); schema Exchange2010_SP2: not"),
        ("14.3.123.4", Level.OK, "Exchange 2010 ("),
        ("15.0.1497.2", Level.OK, "Exchange 2013 ("),
        ("15.1.2507.6", Level.OK, "Exchange 2016 ("),
        ("15.20.8.1", Level.WARN, "Exchange Online ("),
        ("99.1.2.3", Level.OK, "unknown version (99.1.2.3)"),
        ("", Level.WARN, "no ServerVersionInfo (Server: none); schema Exchange2010_SP2"),
    ],
)
def test_the_version_is_shown(
    examined: DoctorInstallation, exchange: Exchange, build: str, level: Level, text: str
) -> None:
    exchange.scripts["GetFolder"] = lambda asked: of_build(NO_MAILBOX if is_probe(asked) else THREE, build)
    add(examined, exchange)
    result = found(examined, "version")
    assert (result.level, result.text.startswith(text)) == (level, True), result.text


def test_the_schema_in_use_is_shown(examined: DoctorInstallation, exchange: Exchange) -> None:
    def old(asked: Asked) -> bytes | Play:
        if "2010" in asked.schema:
            return ews.xml(ews.fault("ErrorInvalidServerVersion"), 500)
        return of_build(THREE, "8.3.83.0")

    as_mailbox(exchange, old)
    add(examined, exchange)
    assert found(examined, "version").text == "Exchange 2007 (8.3.83.0); schema Exchange2007_SP1"


def test_a_mailbox_whose_rights_are_not_shown_is_in_order(examined: DoctorInstallation, exchange: Exchange) -> None:
    bare = ews.success("GetFolder", '<m:Folders><t:Folder><t:FolderId Id="AAMk="/></t:Folder></m:Folders>')
    as_mailbox(exchange, ews.response("GetFolder", *[bare] * 3))
    add(examined, exchange)
    result = found(examined, "inbox")
    assert (result.level, result.text) == (Level.OK, "an unknown number of items; rights: not shown")


def test_a_response_about_something_else_opens_no_mailbox(examined: DoctorInstallation, exchange: Exchange) -> None:
    as_mailbox(exchange, ews.response("GetFolder", folder("Inbox")))
    add(examined, exchange)
    result = found(examined, "mailbox")
    assert (result.level, "1 response messages for 3" in result.text) == (Level.FAIL, True)


def test_the_command_shows_no_password(examined: DoctorInstallation, exchange: Exchange) -> None:
    as_mailbox(exchange, ews.xml(ews.fault("ErrorImpersonateUserDenied"), 500))
    add(examined, exchange)
    ended = examined.rsvpq()
    assert ended.returncode == 1
    assert "New-ManagementRoleAssignment" in ended.stdout
    assert PASSWORD not in ended.stdout + ended.stderr
