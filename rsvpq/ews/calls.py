"""Send the operations of one mailbox, and learn what its server understands.

The version of the schema is learned by a read, never by an effect: a server that does not know a version answers with
an error, and an operation with an effect must not be sent twice.
"""

from collections.abc import Iterable
from http import HTTPStatus

from lxml import etree

from rsvpq.ews.envelope import LONGEST_ID, SCHEMAS, Envelope, Folder
from rsvpq.ews.errors import OtherSchema, error_of
from rsvpq.ews.properties import MESSAGES, TYPES
from rsvpq.ews.server import EwsServer
from rsvpq.ews.soap import ResponseMessage, SoapResponse, parse_response
from rsvpq.http.message import HttpResponse, error_from
from rsvpq.mail.errors import (
    BUSY_DELAY_S,
    Busy,
    ExchangeError,
    MailboxRefused,
    Malformed,
    Transient,
    Unknown,
    of_server,
)

#: The statuses whose body is read: a Fault comes with 500, from some servers with others. A refused login has no Fault.
_READ = frozenset(range(400, 600)) - {HTTPStatus.UNAUTHORIZED, HTTPStatus.PROXY_AUTHENTICATION_REQUIRED}
#: What a server may return for a schema that it does not know, as long as it has never understood one.
_MAY_BE_THE_SCHEMA = {"ErrorInvalidRequest", "ErrorSchemaValidation"}
#: The pages for browsers to which a server redirects when it fails: of the front end of Exchange 2013 and later, and of
#: the application, which comes at random (exchangelib).
_ERROR_PAGES = {"errorfe.aspx", "genericerrorpage.htm"}
_NOT_HERE = {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}


class Calls:
    """Sends operations for one mailbox; see :class:`Envelope`."""

    def __init__(self, server: EwsServer, envelope: Envelope) -> None:
        self.server = server
        self.envelope = envelope
        # A mailbox may still be on an older server than the front end.
        self._schema = ""
        #: The build of the server that responded last; '' if it was not shown.
        self.build = ""

    @property
    def schema(self) -> str:
        """The version of the schema that is requested for this mailbox; '' if it is not known yet."""
        return self._schema or self.server.schema

    def describe(self, operation: etree._Element) -> str:
        """Return operation and mailbox, for messages."""
        return f"{_name(operation)} in {self.envelope.mailbox}"

    def call(self, operation: etree._Element, *, effect: bool = False) -> tuple[ResponseMessage, ...]:
        """Send an operation, and return its response messages, of which each may be a failure.

        :param effect: whether it changes something.
        :raises ExchangeError: see :meth:`Server.send` and :func:`error_of`; the whole operation failed.
        :raises Unknown: the response cannot be read, and it has an effect. :raises Malformed: it has none.
        """
        if effect and not self.schema:
            self.folder_id("inbox")
        try:
            return self._call(operation, self.schema or SCHEMAS[0], effect=effect)
        except OtherSchema as error:
            if effect or self.schema == SCHEMAS[-1]:
                raise Transient(str(error)) from None
            self._schema = SCHEMAS[-1]
        found = self._call(operation, SCHEMAS[-1], effect=effect)
        # The server as a whole, if it has never understood the newer one.
        if self.server.schema != SCHEMAS[0]:
            self.server.schema = SCHEMAS[-1]
        return found

    def one(self, operation: etree._Element, *, effect: bool = False) -> ResponseMessage:
        """Send an operation about one item, and return its response message, which is a success.

        :raises ExchangeError: it failed.
        """
        messages = self.call(operation, effect=effect)
        if len(messages) != 1:
            text = f"{self.describe(operation)}: {len(messages)} response messages instead of one"
            raise (Unknown if effect else Malformed)(text)
        self.require_success(messages, operation, effect=effect)
        return messages[0]

    def require_success(
        self, messages: Iterable[ResponseMessage], operation: etree._Element, *, effect: bool = False
    ) -> None:
        """Raise the error of the first response message that is a failure."""
        for message in messages:
            if message.failure is not None:
                raise error_of(message.failure, self.describe(operation), effect=effect)

    def folder_id(self, role: Folder) -> str:
        """Read the id of a well-known folder.

        :raises Malformed: the response shows none.
        """
        operation = self.envelope.get_folder(role)
        element = self.one(operation).element
        found = element.find(f"{MESSAGES}Folders/*/{TYPES}FolderId")
        shown = "" if found is None else found.get("Id", "")
        if not shown or len(shown) > LONGEST_ID:
            raise Malformed(f"{self.describe(operation)}: the response shows no id")
        return shown

    def _call(self, operation: etree._Element, schema: str, *, effect: bool) -> tuple[ResponseMessage, ...]:
        body = self.envelope.request(operation, schema)
        response = self.server.send(
            "POST", self.server.path, headers=self.envelope.headers, body=body, effect=effect, known=_READ
        )
        what = self.describe(operation)
        parsed = self._parsed(response, operation, what, effect=effect)
        self.build = parsed.build or self.build
        if parsed.fault is not None and parsed.fault.code in _MAY_BE_THE_SCHEMA and not self.schema:
            raise OtherSchema(f"{what}: {parsed.fault.code}")
        if parsed.fault is not None:
            raise error_of(parsed.fault, what, effect=effect)
        errors = [error_of(one.failure, what, effect=effect) for one in parsed.messages if one.failure is not None]
        if errors and len(errors) == len(parsed.messages) and isinstance(errors[0], OtherSchema):
            raise errors[0]
        if not self.schema:
            self.server.schema = schema
        return parsed.messages

    def _parsed(self, response: HttpResponse, operation: etree._Element, what: str, *, effect: bool) -> SoapResponse:
        try:
            return parse_response(response.body, _name(operation))
        except Malformed as error:
            failure = _without_soap(response, what, effect=effect)
            if failure is not None:
                raise failure from None
            if effect:
                raise Unknown(f"{what} returned {response.status}: {error}") from None
            error.args = (f"{what} returned {response.status}: {error}",)
            raise


def _name(operation: etree._Element) -> str:
    return str(etree.QName(operation).localname)


def _without_soap(response: HttpResponse, what: str, *, effect: bool) -> ExchangeError | None:
    """Return the error for a status whose body is not SOAP; None for a success.

    Nothing that IIS or a proxy says about the one path of EWS is about an item: a 404 must not look like one that is
    gone.
    """
    status = response.status
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        # It may have been carried out: the front end does so too if the server fails on the way back.
        page = response.headers.get("Location", "").partition("?")[0].rpartition("/")[2].lower()
        away = "; the server behind the front end failed or is away" if page in _ERROR_PAGES else ""
        return of_server((Unknown if effect else Transient)(response.redirected + away))
    if status in _NOT_HERE:
        return Busy(f"{what} returned {status}: Exchange Web Services is not at {response.what}", BUSY_DELAY_S)
    if status == HTTPStatus.FORBIDDEN:
        text = f"{what} returned 403: Exchange Web Services is blocked for this mailbox or this program"
        return MailboxRefused(text)
    return error_from(what, status, response.headers, effect=effect)
