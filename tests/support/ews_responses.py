"""A scripted Exchange Web Services: responses of our own making, and what each request asked for."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from lxml import etree

from rsvpq.ews.backend import EwsBackend
from rsvpq.ews.envelope import Access, Envelope
from rsvpq.ews.mailbox import EwsMailbox, Marker
from rsvpq.ews.server import EwsServer
from rsvpq.http import auth
from rsvpq.http.deadlines import Timeouts
from testbed.processes import WAIT_S
from tests.support.scripted_server import Play, Received, ScriptedServer, play

ADELE, OLGA = "adele@corp.example", "olga@corp.example"
PASSWORD = "S3cret-in-no-message"
INBOX, TRASH = "AAMkInbox=", "AAMkTrash="
M = "{http://schemas.microsoft.com/exchange/services/2006/messages}"
T = "{http://schemas.microsoft.com/exchange/services/2006/types}"
IMPATIENT = Timeouts(connect_s=WAIT_S, read_s=0.5, body_s=0.7)
PATIENT = Timeouts(connect_s=WAIT_S, read_s=WAIT_S, body_s=WAIT_S)
#: The id of a meeting of Outlook's, in hexadecimal and in base64, and that of its instance of 7 March 2026.
UID = "040000008200E00074C5B7101A82E00800000000" + "11" * 16 + "00000000"
GLOBAL_ID = "BAAAAIIA4AB0xbcQGoLgCAAAAAARERERERERERERERERERERAAAAAA=="
INSTANCE_ID = "BAAAAIIA4AB0xbcQGoLgCAfqAwcRERERERERERERERERERERAAAAAA=="


def envelope(content: str, prefixes: tuple[str, str, str] = ("s", "m", "t")) -> bytes:
    """A SOAP response; its content is written with m: and t:, whatever the prefixes are then."""
    soap, messages, types = prefixes
    others = {"s": soap, "m": messages, "t": types}
    body = re.sub("(?<=[</])([smt])(?=:)", lambda match: others[match[1]], content)
    return (
        f'<?xml version="1.0" encoding="utf-8"?><{soap}:Envelope'
        f' xmlns:{soap}="http://schemas.xmlsoap.org/soap/envelope/"'
        f' xmlns:{messages}="{M[1:-1]}" xmlns:{types}="{T[1:-1]}"><{soap}:Header><{types}:ServerVersionInfo'
        f' MajorVersion="14"/></{soap}:Header><{soap}:Body>{body}</{soap}:Body></{soap}:Envelope>'
    ).encode()


def of_build(body: bytes, build: str) -> bytes:
    """A response of a server of this build; '' for one that does not show it."""
    names = ("MajorVersion", "MinorVersion", "MajorBuildNumber", "MinorBuildNumber")
    shown = " ".join(f'{name}="{number}"' for name, number in zip(names, build.split("."), strict=False))
    return body.replace(b'MajorVersion="14"', shown.encode() if build else b"")


def fault(code: str, text: str = "Not now.", values: Mapping[str, str] | None = None) -> bytes:
    """A SOAP Fault."""
    xml = "".join(f"<t:Value Name={quoteattr(name)}>{value}</t:Value>" for name, value in (values or {}).items())
    errors = 'xmlns:e="http://schemas.microsoft.com/exchange/services/2006/errors"'
    return envelope(
        f"<s:Fault><faultcode>a:{code}</faultcode><faultstring>{text}</faultstring><detail>"
        f"<e:ResponseCode {errors}>{code}</e:ResponseCode><e:Message {errors}>{text}</e:Message>"
        f"<t:MessageXml>{xml}</t:MessageXml></detail></s:Fault>"
    )


def success(operation: str, content: str = "<m:Items/>") -> str:
    """One response message that is a success."""
    return (
        f'<m:{operation}ResponseMessage ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode>{content}'
        f"</m:{operation}ResponseMessage>"
    )


def failed(operation: str, code: str, text: str = "No.", values: Mapping[str, str] | None = None) -> str:
    """One response message that is an error."""
    xml = "".join(f"<t:Value Name={quoteattr(name)}>{value}</t:Value>" for name, value in (values or {}).items())
    return (
        f'<m:{operation}ResponseMessage ResponseClass="Error"><m:MessageText>{text}</m:MessageText>'
        f"<m:ResponseCode>{code}</m:ResponseCode><m:DescriptiveLinkKey>0</m:DescriptiveLinkKey>"
        f"<m:MessageXml>{xml}</m:MessageXml><m:Items/></m:{operation}ResponseMessage>"
    )


def response(operation: str, *messages: str) -> bytes:
    """A whole response to an operation."""
    whole = "".join(messages)
    return envelope(f"<m:{operation}Response><m:ResponseMessages>{whole}</m:ResponseMessages></m:{operation}Response>")


def page(*items: str, last: bool = True, following: int | None = None) -> bytes:
    """The response to a FindItem."""
    offset = "" if following is None else f' IndexedPagingOffset="{following}"'
    return response(
        "FindItem",
        success(
            "FindItem",
            f'<m:RootFolder{offset} TotalItemsInView="9" IncludesLastItemInRange="{str(last).lower()}">'
            f"<t:Items>{''.join(items)}</t:Items></m:RootFolder>",
        ),
    )


def got(*items: str) -> bytes:
    """The response to a GetItem; '' stands for an item that is gone."""
    gone = failed("GetItem", "ErrorItemNotFound")
    return response("GetItem", *(success("GetItem", f"<m:Items>{one}</m:Items>") if one else gone for one in items))


def folder_response(folder: str = INBOX) -> bytes:
    """The response to a GetFolder."""
    content = f'<m:Folders><t:Folder><t:FolderId Id="{folder}" ChangeKey="AQ=="/></t:Folder></m:Folders>'
    return response("GetFolder", success("GetFolder", content))


def extended(attributes: str, value: str) -> str:
    """An extended property."""
    uri = f"<t:ExtendedFieldURI {attributes}/>"
    return f"<t:ExtendedProperty>{uri}<t:Value>{escape(value)}</t:Value></t:ExtendedProperty>"


def meeting_property(number: int, value: str, kind: str = "Binary") -> str:
    """An extended property of PSETID_Meeting."""
    return extended(f'DistinguishedPropertySetId="Meeting" PropertyId="{number}" PropertyType="{kind}"', value)


def appointment_property(number: int, value: str, kind: str = "Integer") -> str:
    """An extended property of PSETID_Appointment."""
    return extended(f'DistinguishedPropertySetId="Appointment" PropertyId="{number}" PropertyType="{kind}"', value)


def person(name: str, address: str = OLGA, routing: str = "SMTP", shown: str = "Olga") -> str:
    """A field with one person."""
    return (
        f"<t:{name}><t:Mailbox><t:Name>{shown}</t:Name><t:EmailAddress>{address}</t:EmailAddress>"
        f"<t:RoutingType>{routing}</t:RoutingType></t:Mailbox></t:{name}>"
    )


def search_key(number: str) -> str:
    """The search key of an item."""
    return extended('PropertyTag="0x300b" PropertyType="Binary"', number)


def item(
    number: str = "1",
    content: str = "",
    *,
    element: str = "MeetingRequest",
    item_class: str = "IPM.Schedule.Meeting.Request",
    folder: str = INBOX,
    global_id: str = GLOBAL_ID,
    received: str = "2026-11-28T08:01:12Z",
) -> str:
    """A meeting message: a request from Olga, unless told otherwise."""
    key = "AAAA" * 4 + number.zfill(4)
    return (
        f'<t:{element}><t:ItemId Id="AAMk/{number}+=" ChangeKey="CwAA{number}"/>'
        f'<t:ParentFolderId Id="{folder}" ChangeKey="AQ=="/><t:ItemClass>{item_class}</t:ItemClass>'
        f"<t:Subject>Planning</t:Subject><t:Sensitivity>Normal</t:Sensitivity>{search_key(key)}"
        f"<t:DateTimeReceived>{received}</t:DateTimeReceived>"
        + (meeting_property(35, global_id) if global_id else "")
        + (meeting_property(3, global_id) if global_id else "")
        + meeting_property(26, "2026-11-28T08:01:00Z", "SystemTime")
        + appointment_property(33281, "0")
        + f"{content}</t:{element}>"
    )


#: What GetItem adds to a request.
FIELDS = (
    person("Sender")
    + person("From")
    + "<t:IsResponseRequested>true</t:IsResponseRequested>"
    + person("ReceivedBy", ADELE, shown="Adele")
    + person("ReceivedRepresenting", ADELE, shown="Adele")
    + "<t:HasBeenProcessed>true</t:HasBeenProcessed><t:ResponseType>NoResponseReceived</t:ResponseType>"
    "<t:MeetingRequestType>NewMeetingRequest</t:MeetingRequestType>"
    "<t:Start>2026-12-01T10:00:00Z</t:Start><t:End>2026-12-01T11:00:00Z</t:End>"
    "<t:IsAllDayEvent>false</t:IsAllDayEvent><t:IsRecurring>false</t:IsRecurring>"
    "<t:CalendarItemType>Single</t:CalendarItemType><t:MyResponseType>NoResponseReceived</t:MyResponseType>"
    + person("Organizer")
    + "<t:AppointmentSequenceNumber>0</t:AppointmentSequenceNumber>"
)
REQUEST = item(content=FIELDS)
CREATED = response("CreateItem", success("CreateItem"))


def calendar_item(
    number: str = "Cal1", response_type: str = "NoResponseReceived", replied: str = "", content: str = ""
) -> str:
    """The appointment of the meeting."""
    reply = f"<t:AppointmentReplyTime>{replied}</t:AppointmentReplyTime>" if replied else ""
    return (
        f'<t:CalendarItem><t:ItemId Id="AAMk{number}=" ChangeKey="Dw"/><t:ItemClass>IPM.Appointment</t:ItemClass>'
        "<t:Start>2026-12-01T10:00:00Z</t:Start><t:End>2026-12-01T11:00:00Z</t:End>"
        "<t:LegacyFreeBusyStatus>Tentative</t:LegacyFreeBusyStatus><t:CalendarItemType>Single</t:CalendarItemType>"
        f"<t:MyResponseType>{response_type}</t:MyResponseType>{person('Organizer')}{reply}"
        f"<t:AppointmentSequenceNumber>0</t:AppointmentSequenceNumber>{meeting_property(35, GLOBAL_ID)}"
        f"{meeting_property(3, GLOBAL_ID)}{content}</t:CalendarItem>"
    )


def sent_answer(
    number: str = "Sent1",
    suffix: str = "Pos",
    sent: str = "2026-11-28T09:00:05Z",
    global_id: str = GLOBAL_ID,
    content: str = "",
) -> str:
    """An answer in Sent Items."""
    return item(
        number,
        f"<t:DateTimeSent>{sent}</t:DateTimeSent>{content}",
        element="MeetingResponse",
        item_class=f"IPM.Schedule.Meeting.Resp.{suffix}",
        global_id=global_id,
        received=sent,
    )


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asked for."""

    operation: str
    body: etree._Element
    schema: str
    mailbox: str
    raw: Received = field(repr=False)

    @property
    def folder(self) -> str:
        """The well-known folder that a FindItem searches; '' for others."""
        found = self.body.find(f".//{M}ParentFolderIds/{T}DistinguishedFolderId")
        return "" if found is None else found.get("Id", "")

    @property
    def ids(self) -> list[str]:
        """The Ids that it names."""
        return [one.get("Id", "") for one in self.body.iter(f"{T}ItemId")]

    @property
    def page(self) -> tuple[int, int]:
        """Offset and rows of a FindItem."""
        view = self.body.find(f"{M}IndexedPageItemView")
        assert view is not None
        return int(view.get("Offset", "")), int(view.get("MaxEntriesReturned", ""))

    @property
    def in_view(self) -> bool:
        """Whether it is a FindItem with a CalendarView."""
        return self.body.find(f"{M}CalendarView") is not None

    @classmethod
    def of(cls, request: Received) -> "Asked":
        """Read a request."""
        root = etree.fromstring(request.body)
        body = root.find("{http://schemas.xmlsoap.org/soap/envelope/}Body")
        assert body is not None
        schema = root.find(f".//{T}RequestServerVersion")
        assert schema is not None
        acted_for = root.findtext(f".//{T}ExchangeImpersonation/{T}ConnectingSID/{T}PrimarySmtpAddress") or ""
        return cls(body[0].tag.removeprefix(M), body[0], schema.get("Version", ""), acted_for, request)


#: What a script returns: a body with status 200, or anything else to play.
Script = Callable[[Asked], bytes | Play]


@dataclass
class Exchange:
    """A server whose responses a test makes up, by operation or by folder; it remembers what it was asked."""

    scripted: ScriptedServer
    scripts: dict[str, Script | bytes | Play | Sequence[bytes | Play]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.scripts.setdefault("GetFolder", folder_response())
        self.scripted.reply = self._reply

    def _reply(self, request: Received) -> Play:
        asked = Asked.of(request)
        self.asked.append(asked)
        by_folder = f"FindItem {'view' if asked.in_view else asked.folder}"
        script = self.scripts[by_folder if asked.operation == "FindItem" else asked.operation]
        if isinstance(script, list):
            script = script.pop(0) if len(script) > 1 else script[0]
        made = script(asked) if callable(script) else script
        assert isinstance(made, bytes | Play)
        return made if isinstance(made, Play) else xml(made)

    def of(self, operation: str) -> list[Asked]:
        """The requests for an operation."""
        return [one for one in self.asked if one.operation == operation]

    def server(self, **options: Any) -> EwsServer:
        """A client's server."""
        return EwsServer(
            f"{self.scripted.url}/EWS/Exchange.asmx", auth.basic("svc", PASSWORD), timeouts=PATIENT, **options
        )

    def mailbox(self, access: Access = "impersonation", server: EwsServer | None = None) -> EwsMailbox:
        """Adele's mailbox, whose Inbox is known."""
        return EwsMailbox(server or self.server(), Envelope(ADELE, access), INBOX)

    def backend(self, access: Access = "impersonation", marker: Marker = "detect") -> EwsBackend:
        """The backend."""
        return EwsBackend(self.server(), access, marker)


def xml(body: bytes, status: int = 200, **headers: str) -> Play:
    """A SOAP response as it is sent."""
    return play(status, body, Content_Type="text/xml; charset=utf-8", **headers)


def html(status: int = 200, text: str = "<html><body>Service unavailable</body></html>", **headers: str) -> Play:
    """The page of a proxy."""
    return play(status, text.encode(), Content_Type="text/html", **headers)
