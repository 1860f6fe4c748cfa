"""Requests of Exchange Web Services as the tests write them, in raw bytes, and what they read out of the answers."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from lxml import etree

from tests.simulator.own_mailbox import Box
from tests.simulator.raw_http import Answer, Simulator

PATH = "/EWS/Exchange.asmx"
SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
MESSAGES = "http://schemas.microsoft.com/exchange/services/2006/messages"
TYPES = "http://schemas.microsoft.com/exchange/services/2006/types"
ERRORS = "http://schemas.microsoft.com/exchange/services/2006/errors"
S, M, T, E = (f"{{{one}}}" for one in (SOAP, MESSAGES, TYPES, ERRORS))
REQUEST_CLASS = "IPM.Schedule.Meeting.Request"
MARK_SET = "6d3f5b0c-8f4e-4c0e-9a55-6a0f2f6a3b91"
MARK = f'<t:ExtendedFieldURI PropertySetId="{MARK_SET}" PropertyName="intent" PropertyType="String"/>'
SEARCH_KEY = '<t:ExtendedFieldURI PropertyTag="0x300B" PropertyType="Binary"/>'
SENT_FOR = '<t:ExtendedFieldURI PropertyTag="0x5D02" PropertyType="String"/>'
CLEAN_ID = '<t:ExtendedFieldURI DistinguishedPropertySetId="Meeting" PropertyId="0x23" PropertyType="Binary"/>'
SEQUENCE = '<t:ExtendedFieldURI DistinguishedPropertySetId="Appointment" PropertyId="33281" PropertyType="Integer"/>'
Element = Any


@dataclass
class Row:
    """An item of an answer."""

    element: Element

    @property
    def kind(self) -> str:
        """The name of its element."""
        return str(etree.QName(self.element).localname)

    @property
    def id(self) -> str:
        """Its id."""
        return str(self.element.find(f"{T}ItemId").get("Id"))

    @property
    def key(self) -> str:
        """Its change key."""
        return str(self.element.find(f"{T}ItemId").get("ChangeKey"))

    def text(self, path: str) -> str | None:
        """The text of an element in it: `Organizer/Mailbox/Name`."""
        found: str | None = self.element.findtext("/".join(T + name for name in path.split("/")))
        return found

    def extended(self) -> str | None:
        """The value of the only extended property."""
        found: str | None = self.element.findtext(f"{T}ExtendedProperty/{T}Value")
        return found


@dataclass
class Mail:
    """A mailbox as a client of Exchange Web Services reaches it."""

    simulator: Simulator
    #: Whom to impersonate; '' for nobody.
    address: str
    server: int = 0
    headers: dict[str, str] = field(default_factory=dict)

    def post(self, body: str, version: str = "Exchange2010_SP2", **headers: str) -> Answer:
        """Any operation, in its envelope."""
        who = f"<t:PrimarySmtpAddress>{self.address}</t:PrimarySmtpAddress>" if self.address else ""
        return self.send(envelope(body, impersonation(who) if who else "", version), **headers)

    def send(self, document: str, **headers: str) -> Answer:
        """Anything."""
        given = {"Content_Type": "text/xml; charset=utf-8", **self.headers, **headers}
        return self.simulator.ask("POST", PATH, document, self.server, **given)

    def call(self, body: str, **headers: str) -> Element:
        """The response element of an operation that the server understood."""
        answer = self.post(body, **headers)
        assert answer.status == 200, answer.body
        return response_of(answer)

    def find(
        self, folder: str = "inbox", restriction: str = "", fields: str = "", view: str = "", order: str = ""
    ) -> list[Row]:
        """The items of a folder that a restriction holds for."""
        return items(self.call(finditem(folder, restriction, fields, view, order)))

    def get(self, *ids: str, fields: str = "", base: str = "IdOnly") -> list[Row]:
        """Items by id."""
        return items(self.call(getitem(*ids, fields=fields, base=base)))

    def requests(self) -> list[Row]:
        """The only requests of their meetings that ask for a response and are not a delegate's copies, oldest first."""
        wanted = (
            f"<t:And>{of_class(REQUEST_CLASS)}<t:IsEqualTo>"
            '<t:ExtendedFieldURI PropertyTag="0x0063" PropertyType="Boolean"/>'
            '<t:FieldURIOrConstant><t:Constant Value="true"/></t:FieldURIOrConstant></t:IsEqualTo></t:And>'
        )
        fields = field_uris("item:Subject", "meeting:IsDelegated", "meeting:IsOutOfDate", "calendar:UID")
        found = self.find(restriction=wanted, fields=fields, order=OLDEST)
        uids = Counter(row.text("UID") for row in found)
        flags = ("IsDelegated", "IsOutOfDate")
        return [row for row in found if uids[row.text("UID")] == 1 and {row.text(flag) for flag in flags} == {"false"}]

    def respond(self, item_id: str, name: str = "AcceptItem", disposition: str = "SendAndSaveCopy") -> Element:
        """A response object, with the copy in Sent Items."""
        return self.call(createitem(item_id, name, disposition))

    def total(self, folder: str) -> int:
        """How many items a folder has."""
        response = self.call(getfolder(folder))
        return int(response.findtext(f".//{T}TotalCount"))


OLDEST = '<t:FieldOrder Order="Ascending"><t:FieldURI FieldURI="item:DateTimeReceived"/></t:FieldOrder>'


def mail_of(box: Box) -> Mail:
    """The mailbox of a box."""
    found = [one for one in box.simulator.oracle("mailboxes") if one["mailbox"] == box.name]
    return Mail(box.simulator, found[0]["address"])


def mails(simulator: Simulator) -> list[Mail]:
    """All mailboxes."""
    return [Mail(simulator, one["address"], one["server"]) for one in simulator.oracle("mailboxes")]


def envelope(body: str, header: str = "", version: str = "Exchange2010_SP2") -> str:
    """An operation in its envelope."""
    asked = f'<t:RequestServerVersion Version="{version}"/>' if version else ""
    return (
        f'<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="{SOAP}" xmlns:m="{MESSAGES}" xmlns:t="{TYPES}">'
        f"<s:Header>{asked}{header}</s:Header><s:Body>{body}</s:Body></s:Envelope>"
    )


def impersonation(who: str) -> str:
    """The header that impersonates."""
    return f"<t:ExchangeImpersonation><t:ConnectingSID>{who}</t:ConnectingSID></t:ExchangeImpersonation>"


def field_uris(*names: str) -> str:
    """Properties by FieldURI."""
    return "".join(f'<t:FieldURI FieldURI="{name}"/>' for name in names)


def folder_id(name: str, address: str = "") -> str:
    """A distinguished folder, of a mailbox if one is given."""
    mailbox = f"<t:Mailbox><t:EmailAddress>{address}</t:EmailAddress></t:Mailbox>" if address else ""
    return f'<t:DistinguishedFolderId Id="{name}">{mailbox}</t:DistinguishedFolderId>'


def of_class(prefix: str) -> str:
    """The condition that the class of an item begins so."""
    return (
        '<t:Contains ContainmentMode="Prefixed" ContainmentComparison="IgnoreCase">'
        f'<t:FieldURI FieldURI="item:ItemClass"/><t:Constant Value="{prefix}"/></t:Contains>'
    )


def compared(name: str, path: str, value: str) -> str:
    """A comparison with a constant."""
    return f'<t:{name}>{path}<t:FieldURIOrConstant><t:Constant Value="{value}"/></t:FieldURIOrConstant></t:{name}>'


def getfolder(folder: str, address: str = "") -> str:
    """GetFolder."""
    return (
        "<m:GetFolder><m:FolderShape><t:BaseShape>Default</t:BaseShape><t:AdditionalProperties>"
        f"{field_uris('folder:TotalCount', 'folder:EffectiveRights')}</t:AdditionalProperties></m:FolderShape>"
        f"<m:FolderIds>{folder_id(folder, address)}</m:FolderIds></m:GetFolder>"
    )


def finditem(folder: str, restriction: str = "", fields: str = "", view: str = "", order: str = "") -> str:
    """FindItem."""
    more = f"<t:AdditionalProperties>{fields}</t:AdditionalProperties>" if fields else ""
    restriction = f"<m:Restriction>{restriction}</m:Restriction>" if restriction else ""
    order = f"<m:SortOrder>{order}</m:SortOrder>" if order else ""
    return (
        f'<m:FindItem Traversal="Shallow"><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape>{more}</m:ItemShape>'
        f"{view}{restriction}{order}<m:ParentFolderIds>{folder_id(folder)}</m:ParentFolderIds></m:FindItem>"
    )


def page(most: int, offset: int = 0, base: str = "Beginning") -> str:
    """A page of a FindItem."""
    return f'<m:IndexedPageItemView MaxEntriesReturned="{most}" Offset="{offset}" BasePoint="{base}"/>'


def getitem(*ids: str, fields: str = "", base: str = "IdOnly") -> str:
    """GetItem."""
    more = f"<t:AdditionalProperties>{fields}</t:AdditionalProperties>" if fields else ""
    named = "".join(f'<t:ItemId Id="{one}"/>' for one in ids)
    return (
        f"<m:GetItem><m:ItemShape><t:BaseShape>{base}</t:BaseShape>{more}</m:ItemShape>"
        f"<m:ItemIds>{named}</m:ItemIds></m:GetItem>"
    )


def createitem(
    item_id: str, name: str = "AcceptItem", disposition: str = "SendAndSaveCopy", *, saved: bool = True, text: str = ""
) -> str:
    """CreateItem of a response object."""
    attribute = f' MessageDisposition="{disposition}"' if disposition else ""
    folder = f"<m:SavedItemFolderId>{folder_id('sentitems')}</m:SavedItemFolderId>" if saved else ""
    body = f'<t:Body BodyType="Text">{text}</t:Body>' if text else ""
    return (
        f"<m:CreateItem{attribute}>{folder}<m:Items><t:{name}>{body}"
        f'<t:ReferenceItemId Id="{item_id}"/></t:{name}></m:Items></m:CreateItem>'
    )


def appointment(subject: str, start: str, end: str, *guests: str, invitations: str = "SendToAllAndSaveCopy") -> str:
    """CreateItem of a meeting."""
    people = "".join(
        f"<t:Attendee><t:Mailbox><t:EmailAddress>{one}</t:EmailAddress></t:Mailbox></t:Attendee>" for one in guests
    )
    required = f"<t:RequiredAttendees>{people}</t:RequiredAttendees>" if guests else ""
    attribute = f' SendMeetingInvitations="{invitations}"' if invitations else ""
    return (
        f"<m:CreateItem{attribute}><m:Items><t:CalendarItem><t:Subject>{subject}</t:Subject><t:Start>{start}</t:Start>"
        f"<t:End>{end}</t:End>{required}</t:CalendarItem></m:Items></m:CreateItem>"
    )


def updateitem(row: Row, value: str, key: str | None = "", resolution: str = "NeverOverwrite") -> str:
    """UpdateItem of the mark; the change key is that of the row, another one, or none."""
    attribute = "" if key is None else f' ChangeKey="{key or row.key}"'
    given = f"<t:ExtendedProperty>{MARK}<t:Value>{value}</t:Value></t:ExtendedProperty>"
    return (
        f'<m:UpdateItem ConflictResolution="{resolution}" MessageDisposition="SaveOnly"><m:ItemChanges><t:ItemChange>'
        f'<t:ItemId Id="{row.id}"{attribute}/><t:Updates><t:SetItemField>{MARK}<t:{row.kind}>{given}</t:{row.kind}>'
        "</t:SetItemField></t:Updates></t:ItemChange></m:ItemChanges></m:UpdateItem>"
    )


def moveitem(item_id: str, folder: str = "deleteditems") -> str:
    """MoveItem."""
    return (
        f"<m:MoveItem><m:ToFolderId>{folder_id(folder)}</m:ToFolderId>"
        f'<m:ItemIds><t:ItemId Id="{item_id}"/></m:ItemIds></m:MoveItem>'
    )


def deleteitem(item_id: str, kind: str = "MoveToDeletedItems", cancellations: str = "") -> str:
    """DeleteItem."""
    attribute = f' SendMeetingCancellations="{cancellations}"' if cancellations else ""
    return (
        f'<m:DeleteItem DeleteType="{kind}"{attribute}><m:ItemIds><t:ItemId Id="{item_id}"/></m:ItemIds></m:DeleteItem>'
    )


def response_of(answer: Answer) -> Element:
    """What is in the Body."""
    body = etree.fromstring(answer.body).find(f"{S}Body")
    assert body is not None
    return body[0]


def fault_of(answer: Answer) -> str:
    """The code of a Fault."""
    assert answer.status == 500, answer.raw[:300]
    fault = response_of(answer)
    assert fault.tag == f"{S}Fault"
    assert fault.findtext("faultcode").partition(":")[2] == fault.findtext(f"detail/{E}ResponseCode")
    return str(fault.findtext(f"detail/{E}ResponseCode"))


def codes(response: Element) -> list[str]:
    """The response code of each message."""
    return [code.text for code in response.iter(f"{M}ResponseCode")]


def items(response: Element) -> list[Row]:
    """The items in an answer all of whose messages are successes."""
    assert set(codes(response)) <= {"NoError"}, etree.tostring(response)
    return [Row(item) for parent in response.iter(f"{M}Items", f"{T}Items") for item in parent]
