"""The checks of ``rsvpq doctor`` for one server with Exchange Web Services, from the outside in.

First the connection, then a response without a login, then the login, and then one mailbox, of which only the number of
items in three folders and the rights on them are read. Each step is taken only if the one before it succeeded. Nothing
is changed, and the configured credential is tried once (:mod:`rsvpq.http.login_check`).
"""

from collections.abc import Mapping, Sequence
from xml.etree.ElementTree import Element

from rsvpq.ews.calls import Calls
from rsvpq.ews.envelope import Access, Envelope, Folder
from rsvpq.ews.errors import NoSuchMailbox, Throttled, error_of
from rsvpq.ews.properties import MESSAGES, TYPES
from rsvpq.ews.server import EwsServer
from rsvpq.ews.soap import ResponseMessage, parse_response
from rsvpq.http.auth import Scheme
from rsvpq.http.login_check import LoginCheck, Subject, reach
from rsvpq.http.message import HttpResponse
from rsvpq.http.probe import may_log_in
from rsvpq.mail.checks import Checks, Stopwatch
from rsvpq.mail.errors import Busy, ExchangeError, Gone, LoginRefused, Malformed, NoRights

_LOGINS: Sequence[Scheme] = ("negotiate", "ntlm", "basic")
#: The folders that scans and answers need, their checks, and which rights they need there.
_FOLDERS: Mapping[Folder, tuple[str, tuple[str, ...]]] = {
    "inbox": ("inbox", ("Read",)),
    "calendar": ("calendar", ("Read", "CreateContents")),
    "sentitems": ("sent items", ("Read", "CreateContents")),
}
#: What versions begin with (Microsoft Learn: "Exchange Server build numbers and release dates"); the longest first.
_VERSIONS = (
    ("15.20.", "Exchange Online"),
    ("15.2.", "Exchange 2019 or Subscription Edition"),
    ("15.1.", "Exchange 2016"),
    ("15.0.", "Exchange 2013"),
    ("14.", "Exchange 2010"),
    ("8.0.", "Exchange 2007 without a service pack"),
    ("8.", "Exchange 2007"),
)
_NOT_SUPPORTED = {
    "Exchange Online": "use servers of your own: Exchange Online turns Exchange Web Services off",
    "Exchange 2007 without a service pack": "install Service Pack 1 or later",
}
_ROLE = (
    "New-ManagementRoleAssignment -Name rsvpq -Role ApplicationImpersonation -User ACCOUNT "
    "-CustomRecipientWriteScope SCOPE, with a scope that has this mailbox; on Exchange 2007, give the account the "
    "rights ms-Exch-EPI-Impersonation on the server and ms-Exch-EPI-May-Impersonate on the mailbox"
)
_FULL_ACCESS = "Add-MailboxPermission -Identity MAILBOX -User ACCOUNT -AccessRights FullAccess"
_POLICY = (
    "lower rate and concurrency of this server, or give the account a policy that allows more: New-ThrottlingPolicy "
    "and Set-ThrottlingPolicyAssociation"
)


def diagnose(subject: Subject[EwsServer], access: Access, mailbox: str, checks: Checks) -> bool:
    """Diagnose one server and one mailbox on it ('' for none); return whether all of it could be checked.

    :param access: how the account gets into mailboxes.
    """
    probed = reach(subject, checks)
    if probed is None or not may_log_in(probed, subject.endpoint, checks, _LOGINS):
        return False
    with subject.account.turn():
        login = LoginCheck(subject, checks)
        response = login.attempt(subject.server.path, mailbox)
        if response is None:
            return False
        if not mailbox:
            _report_version(_build_in(response), "", response.headers, checks)
            checks.skip("mailbox", "none is listed for this server")
            return False
        calls = Calls(subject.server, Envelope(mailbox, access))
        messages = _read(calls, login, checks)
    _report_version(calls.build or _build_in(response), calls.schema, response.headers, checks)
    if messages is None:
        return False
    for (check, needed), message in zip(_FOLDERS.values(), messages, strict=True):
        _check_folder(calls, check, needed, message, checks)
    _report_access(access, checks)
    text = "marks and answers are not tested, because that changes mail; test them with a mailbox of your own"
    checks.skip("writing", text)
    return True


def _build_in(response: HttpResponse) -> str:
    try:
        return parse_response(response.body, "GetFolder").build
    except Malformed:
        return ""


def _read(calls: Calls, login: LoginCheck, checks: Checks) -> Sequence[ResponseMessage] | None:
    """Read the folders as the mailbox; None, with the reason in ``checks``, if none of them can be read."""
    mailbox, access = calls.envelope.mailbox, calls.envelope.access
    operation = calls.envelope.get_rights(_FOLDERS)
    watch = Stopwatch()
    try:
        messages = calls.call(operation)
        if len(messages) != len(_FOLDERS):
            raise Malformed(f"{calls.describe(operation)}: {len(messages)} response messages for {len(_FOLDERS)}")
        if all(message.failure is not None for message in messages):
            calls.require_success(messages, operation)
    except LoginRefused as refusal:
        if login.let_in:
            checks.fail("mailbox", f"{mailbox}: no rights, though the credential is accepted", _rights(access))
        else:
            login.refused(str(refusal), watch)
        return None
    except ExchangeError as error:
        delay = f"; it asks for a pause of {error.delay_s:.0f} s" if isinstance(error, Throttled) else ""
        checks.fail("mailbox", f"{mailbox}: {error}{delay}", _remedy(error, access), ms=watch.ms)
        return None
    login.accepted(watch)
    checks.ok("mailbox", f"{mailbox}: opened by {access}", ms=watch.ms)
    return messages


def _rights(access: Access) -> str:
    return _ROLE if access == "impersonation" else _FULL_ACCESS


def _remedy(error: ExchangeError, access: Access) -> str:
    match error:
        case NoRights():
            return _rights(access)
        case NoSuchMailbox():
            return "correct its address or its server in the list: it must be the primary SMTP address of a mailbox"
        case Gone():  # under delegate access, a missing right looks like a missing folder
            return f"correct its address or its server in the list, or the rights of the account: {_rights(access)}"
        case Throttled():
            return _POLICY
        case Busy(scope="mailbox"):
            return (
                "check that the mailbox is in order: Test-MAPIConnectivity MAILBOX, Get-CASMailbox MAILBOX (EwsEnabled)"
            )
    return "check the server and url, then run this again"


def _report_version(build: str, schema: str, headers: Mapping[str, str], checks: Checks) -> None:
    """Report the version of the server, and that of the schema that is requested."""
    used = f"; schema {schema}" if schema else ""
    if not build:
        text = f"no ServerVersionInfo (Server: {headers.get('Server', '') or 'none'}){used}"
        checks.warn("version", text, "correct url if this is not Exchange")
        return
    name = next((name for start, name in _VERSIONS if build.startswith(start)), "unknown version")
    text = f"{name} ({build}){used}"
    if name in _NOT_SUPPORTED:
        checks.warn("version", f"{text}: not supported", _NOT_SUPPORTED[name])
    else:
        checks.ok("version", text)


def _check_folder(calls: Calls, check: str, needed: Sequence[str], message: ResponseMessage, checks: Checks) -> None:
    """Check that the account may do in a folder what scans and answers do."""
    access = calls.envelope.access
    if message.failure is not None:
        error = error_of(message.failure, f"GetFolder in {calls.envelope.mailbox}", effect=False)
        checks.fail(check, str(error), _remedy(error, access))
        return
    rights = _rights_in(message.element)
    count = (message.element.findtext(f"{MESSAGES}Folders/*/{TYPES}TotalCount") or "").strip()
    text = f"{count or 'an unknown number of'} items"
    missing = [right for right in needed if rights.get(right) is False]
    if missing:
        checks.fail(check, f"{text}; the account lacks the rights {', '.join(missing)}", _rights(access))
        return
    granted = ", ".join(name for name, given in rights.items() if given)
    checks.ok(check, f"{text}; rights: {granted or 'not shown'}")


def _rights_in(message: Element) -> dict[str, bool]:
    """Return the effective rights that a response shows."""
    found = message.find(f"{MESSAGES}Folders/*/{TYPES}EffectiveRights")
    shown = () if found is None else list(found)
    return {one.tag.removeprefix(TYPES): (one.text or "").strip().lower() in {"true", "1"} for one in shown}


def _report_access(access: Access, checks: Checks) -> None:
    if access == "impersonation":
        return
    text = (
        "delegate: canceled meetings are deleted (RemoveItem is not supported), and without Send As an answer "
        "fails (ErrorSendAsDenied) and is left in Drafts"
    )
    checks.warn("access", text, 'use access = "impersonation", or give the account Send As on every mailbox')
