"""What is sent: the mailbox is in every request, and the elements are in the order of the schema."""

from datetime import UTC, datetime

import pytest
from lxml import etree

from rsvpq.ews import properties
from rsvpq.ews.envelope import (
    SCHEMAS,
    Access,
    Envelope,
    ItemId,
    Order,
    delete_item,
    get_item,
    of_classes,
    of_meeting,
    probe,
    remove_item,
    resolve_names,
    set_page,
    update_item,
)
from rsvpq.mail.errors import Refused
from rsvpq.mail.messages import Verdict
from tests.support.ews_responses import ADELE, M, T

ID = ItemId("AAMk/1+=", "CwAA")
NOW = datetime(2026, 12, 1, 10, tzinfo=UTC)


def operations(envelope: Envelope) -> list[etree._Element]:
    """One of each kind."""
    return [
        envelope.get_folder("inbox"),
        envelope.get_rights(["inbox", "calendar"]),
        envelope.find_item("inbox", properties.ROW, of_classes("IPM.TaskRequest"), Order(properties.RECEIVED)),
        envelope.find_item("calendar", properties.ROW, of_meeting("BAAA"), Order(properties.START_FIELD)),
        envelope.calendar_view(properties.AGENDA, NOW, NOW, 1000),
        envelope.respond(ID, Verdict.ACCEPT, "Hello", silent=False),
        envelope.respond(ID, Verdict.DECLINE, "", silent=True),
        envelope.move(ID, "deleteditems"),
        get_item([ID], properties.REQUEST),
        update_item(ID, "MeetingRequest", {properties.INTENT: "x"}, "NeverOverwrite"),
        delete_item(ID, "HardDelete"),
        remove_item(ID),
        resolve_names("/o=Corp/cn=olga"),
    ]


@pytest.mark.parametrize("access", ["impersonation", "delegate"])
def test_trap_19_every_request_names_its_mailbox(access: Access) -> None:
    envelope = Envelope(ADELE, access)
    assert envelope.headers["X-AnchorMailbox"] == ADELE
    for operation in operations(envelope):
        root = etree.fromstring(envelope.request(operation, SCHEMAS[0]))
        acted_for = root.findtext(f".//{T}ExchangeImpersonation/{T}ConnectingSID/{T}PrimarySmtpAddress")
        owners = [one.findtext(f"{T}Mailbox/{T}EmailAddress") for one in root.iter(f"{T}DistinguishedFolderId")]
        if access == "impersonation":
            assert acted_for == ADELE
            assert set(owners) <= {None}
        else:
            assert acted_for is None
            assert set(owners) <= {ADELE}


def test_no_request_can_be_built_without_a_mailbox() -> None:
    for name in ("", "adele", "adele@", "a b@corp.example", "adele@corp.example\r\nX: y", "ädele@corp.example"):
        with pytest.raises(Refused):
            Envelope(name, "impersonation")


def test_no_request_has_a_time_zone() -> None:
    envelope = Envelope(ADELE, "impersonation")
    assert not any(b"TimeZone" in envelope.request(one, SCHEMAS[0]) for one in operations(envelope))


def test_the_schema_is_the_first_header() -> None:
    root = etree.fromstring(Envelope(ADELE, "impersonation").request(get_item([ID], ()), SCHEMAS[1]))
    header = root[0]
    assert [one.tag for one in header] == [f"{T}RequestServerVersion", f"{T}ExchangeImpersonation"]
    assert header[0].get("Version") == "Exchange2007_SP1"


def test_the_probe_reads_one_folder() -> None:
    root = etree.fromstring(probe())
    assert root.find(f".//{M}GetFolder") is not None
    assert b"Impersonation" not in probe()


@pytest.mark.parametrize(
    ("verdict", "name"),
    [
        (Verdict.ACCEPT, "AcceptItem"),
        (Verdict.DECLINE, "DeclineItem"),
        (Verdict.TENTATIVE, "TentativelyAcceptItem"),
    ],
)
def test_an_answer_has_its_parts_in_the_order_of_the_schema(verdict: Verdict, name: str) -> None:
    operation = Envelope(ADELE, "delegate").respond(ID, verdict, "Hello \x00 & <you>", silent=False)
    assert operation.get("MessageDisposition") == "SendAndSaveCopy"
    assert [one.tag for one in operation] == [f"{M}SavedItemFolderId", f"{M}Items"]
    (answer,) = operation[1]
    assert answer.tag == T + name
    assert [one.tag for one in answer] == [f"{T}Body", f"{T}ReferenceItemId"]
    assert (answer[0].text, answer[1].get("Id")) == ("Hello  & <you>", ID.id)


def test_a_silent_answer_is_saved_only() -> None:
    operation = Envelope(ADELE, "impersonation").respond(ID, Verdict.ACCEPT, "", silent=True)
    assert operation.get("MessageDisposition") == "SaveOnly"
    assert [one.tag for one in operation] == [f"{M}Items"]


def test_the_text_of_a_search_varies_only_in_its_page() -> None:
    def text(offset: int) -> str:
        envelope = Envelope(ADELE, "impersonation")
        made = envelope.find_item("inbox", properties.ROW, of_classes("a", "b"), Order(properties.RECEIVED))
        set_page(made, offset, 100)
        view = made.find(f"{M}IndexedPageItemView")
        assert view is not None
        made.remove(view)
        return etree.tostring(made, encoding="unicode")

    assert text(0) == text(300)


def test_few_properties_are_asked_of_a_search() -> None:
    assert len(properties.ROW) <= 20


def test_trap_8_an_id_is_an_attribute_and_only_printable() -> None:
    assert etree.tostring(ItemId("AA/+=", 'C"&').element()).endswith(b'Id="AA/+=" ChangeKey="C&quot;&amp;"/>')
    for wrong in ("", "a b", "a\x00", "a\n", "ä", "x" * 2001):
        with pytest.raises(Refused):
            ItemId(wrong)
    with pytest.raises(Refused):
        ItemId("AAMk", "\x1b")


def test_a_mark_is_the_only_change_of_its_request() -> None:
    operation = update_item(ID, "MeetingRequest", {properties.INTENT: "mark"}, "NeverOverwrite")
    assert operation.get("ConflictResolution") == "NeverOverwrite"
    (update,) = operation.iter(f"{T}SetItemField")
    assert [one.tag for one in update] == [f"{T}ExtendedFieldURI", f"{T}MeetingRequest"]
    assert update.findtext(f".//{T}Value") == "mark"
