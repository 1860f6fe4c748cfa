"""Exchange Web Services of one server: who may ask on whose behalf, and which operation answers."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from simulator.ews.behavior import EwsBehavior
from simulator.ews.call import Call, Caller
from simulator.ews.dispatch import OPERATIONS
from simulator.ews.soap import (
    Element,
    Envelope,
    RefusedError,
    SoapFault,
    answer,
    fault,
    m,
    read_envelope,
    refused,
    response_message,
)
from simulator.ews.steps import Subject, impersonated, is_mutating, possible_faults, step_of, subject_of
from simulator.ews.versions import check_version, version_info
from simulator.serving.auth.authenticator import Authenticator
from simulator.serving.by_others import others_act
from simulator.serving.fault_effects import faulty_answer
from simulator.serving.faults import BY_OTHERS, OF_EWS, Fault, FaultKind, Faults
from simulator.serving.guard import guarded
from simulator.serving.http import HttpError, Request, Response
from simulator.serving.meters import Meters
from simulator.world.calendar_attendant import CalendarAttendant
from simulator.world.delayed_effects import settle
from simulator.world.directory import home_of
from simulator.world.mailboxes import Mailbox
from simulator.world.state import World

_PATH = "/ews/exchange.asmx"
#: The front end of Exchange 2013 and later has one for all that it serves; the application's is exchangelib's find.
_ERROR_PAGES = {
    "front-end": "/owa/auth/errorFE.aspx?httpCode=500",
    "application": "/ews/genericerrorpage.htm?aspxerrorpath=/ews/exchange.asmx",
}
#: Where the front end has sent a request; a client that returns it goes there again (exchangelib's logs).
_ROUTE = "X-BackEndCookie=S-1-5-21-1=u56Lnp2ejJqBy8nMycqaz5rS; path=/EWS; HttpOnly"
_BUSY = "The server cannot service this request right now. Try again later."


@dataclass(frozen=True, slots=True)
class _Visit:
    """One request while it is answered."""

    behavior: EwsBehavior
    #: None for what is not SOAP.
    envelope: Envelope | None
    subject: Subject
    #: Whether as many others as the server serves at once were there before it.
    is_full: bool
    fault: Fault | None = None

    @property
    def kind(self) -> FaultKind | None:
        """What goes wrong."""
        return self.fault.kind if self.fault else None


class EwsFace:
    """What clients of Exchange Web Services see of one server; meters and faults are those of all servers.

    :param account: the service account, which can have a mailbox of its own.
    """

    def __init__(
        self,
        index: int,
        world: World,
        authenticator: Authenticator,
        meters: Meters,
        faults: Faults,
        attendant: CalendarAttendant,
        account: str,
    ) -> None:
        self._index = index
        self._world = world
        self._authenticator = authenticator
        self._meters = meters
        self._faults = faults
        self._attendant = attendant
        self._account = account
        self._in_flight = 0

    def answer(self, request: Request, behavior: EwsBehavior) -> tuple[Response, Callable[[], None]]:
        """The answer of a server that behaves so, and what to call when it has been written."""
        envelope = _envelope(request)
        subject = Subject() if envelope is None else subject_of(self._world, self._index, envelope, behavior)
        mailbox = subject.mailbox
        if mailbox is not None and mailbox.plans:
            settle(mailbox)
        verb, mutating = (request.method, False) if envelope is None else (envelope.name, is_mutating(envelope))
        self._meters.arrived(verb, self._index, mailbox, mutating=mutating)
        is_full = bool(behavior.ews_connections) and self._in_flight >= behavior.ews_connections
        self._in_flight += 1
        fault_struck = self._strike(envelope, subject, behavior)
        visit = _Visit(behavior, envelope, subject, is_full, fault_struck)
        answer_it = partial(guarded, request, partial(self._admit, visit))
        is_of_http = fault_struck is not None and fault_struck.kind not in OF_EWS
        response = faulty_answer(fault_struck, request, answer_it) if fault_struck and is_of_http else answer_it()
        return response, partial(self._written, mailbox)

    def _written(self, mailbox: Mailbox | None) -> None:
        self._in_flight -= 1
        self._meters.written(self._index, mailbox)

    def _strike(self, envelope: Envelope | None, subject: Subject, behavior: EwsBehavior) -> Fault | None:
        """The fault of a request; what others do has then been done, and is none of the server's."""
        if not self._faults.rules or envelope is None:
            return None
        mailbox = subject.mailbox
        possible = possible_faults(envelope, subject)
        struck = self._faults.strike(step_of(envelope), mailbox.name if mailbox else None, self._index, possible)
        if struck is None or struck.kind not in BY_OTHERS or mailbox is None:
            return struck
        others_act(struck.kind, mailbox, subject.item, self._world, behavior)
        return None

    def _admit(self, visit: _Visit, request: Request) -> Response:
        entry = self._authenticator.check(request)
        if entry.refusal is not None:
            return entry.refusal
        response = guarded(request, partial(self._served, visit, entry.user))
        response.headers += entry.headers
        return response

    def _served(self, visit: _Visit, user: str, request: Request) -> Response:
        if request.method != "POST":
            raise HttpError(405)
        if visit.envelope is None:
            raise HttpError(400)
        without_anchor = visit.envelope.impersonated is not None and "x-anchormailbox" not in request.headers
        if visit.behavior.ews_anchor == "required" and without_anchor:
            raise HttpError(503)
        if visit.kind is FaultKind.ERROR_PAGE:
            return _to_error_page(visit.behavior)
        version, prefixes = version_info(visit.behavior), visit.behavior.ews_prefixes
        try:
            response = answer(self._called(visit, visit.envelope, user, request), version, prefixes)
        except SoapFault as error:
            response = fault(error, version, prefixes)
        return _to_error_page(visit.behavior) if visit.kind is FaultKind.ERROR_PAGE_AFTER else response

    def _called(self, visit: _Visit, envelope: Envelope, user: str, request: Request) -> Element:
        if visit.is_full:
            raise SoapFault("ErrorExceededConnectionCount", "You have exceeded the available concurrent connections.")
        if visit.kind is FaultKind.SERVER_BUSY and visit.fault is not None:
            return _busy(envelope, visit.fault, visit.behavior)
        check_version(visit.behavior, envelope.version)
        operation = OPERATIONS.get(envelope.name)
        if operation is None:
            raise SoapFault("ErrorInvalidRequest", "The request is invalid.")
        if visit.kind is FaultKind.ERROR_CODE:
            return _failed(envelope, RefusedError(visit.behavior.ews_error))
        moment = request.arrived
        element = operation(
            Call(
                envelope=envelope,
                caller=self._caller(visit, envelope, user),
                world=self._world,
                server=self._index,
                behavior=visit.behavior,
                attendant=self._attendant,
                operation=lambda mailbox: self._meters.operation(mailbox, moment),
                fault=visit.kind,
            )
        )
        if visit.kind is FaultKind.TIMEOUT_AFTER:
            return _failed(envelope, RefusedError("ErrorTimeoutExpired", "The operation timed out."))
        return element

    def _caller(self, visit: _Visit, envelope: Envelope, user: str) -> Caller:
        """Who asks; the service account without impersonation is whoever has its own mailbox."""
        sid = envelope.impersonated
        if sid is None:
            return Caller(home_of(self._world, self._index, user or self._account), opens_all=not user)
        denied = visit.behavior.ews_impersonation == "denied" or visit.kind is FaultKind.IMPERSONATION_DENIED
        if user or denied:
            raise SoapFault(
                "ErrorImpersonateUserDenied", "The account does not have permission to impersonate the requested user."
            )
        mailbox = impersonated(self._world, self._index, sid)
        if mailbox is None:
            raise SoapFault("ErrorNonExistentMailbox", "The SMTP address has no mailbox associated with it.")
        return Caller(mailbox, opens_all=False, impersonates=True)


def is_meant(request: Request) -> bool:
    """Whether a request is for this face."""
    return request.path.casefold() == _PATH


def _envelope(request: Request) -> Envelope | None:
    if request.method != "POST":
        return None
    try:
        return read_envelope(request.body)
    except HttpError:
        return None


def _to_error_page(behavior: EwsBehavior) -> Response:
    """Redirect to a page for browsers: the server behind the front end is away, or fails on the way back."""
    page = _ERROR_PAGES[behavior.ews_error_page]
    return Response(302, headers=(("Location", page), ("Set-Cookie", _ROUTE)))


def _busy(envelope: Envelope, struck: Fault, behavior: EwsBehavior) -> Element:
    """Say that the server is busy; both ways are documented (Microsoft Learn, "EWS throttling in Exchange")."""
    if behavior.ews_busy == "fault":
        raise SoapFault("ErrorServerBusy", _BUSY, {"BackOffMilliseconds": str(struck.ms)})
    values = {"InnerErrorMessageText": _BUSY, "InnerErrorResponseCode": "ErrorServerBusy"}
    text = "An internal server error occurred. The operation failed."
    return _failed(envelope, RefusedError("ErrorInternalServerError", text, values))


def _failed(envelope: Envelope, error: RefusedError) -> Element:
    """The response to an operation of which nothing but an error is said."""
    message = response_message(envelope.name, refused(error))
    return m(envelope.name + "Response", m("ResponseMessages", message))
