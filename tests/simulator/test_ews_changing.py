"""UpdateItem, MoveItem, CopyItem and DeleteItem of Exchange Web Services."""

from collections.abc import Iterator

import pytest

from tests.simulator.ews_client import (
    MARK,
    MARK_SET,
    SEARCH_KEY,
    Mail,
    codes,
    deleteitem,
    fault_of,
    field_uris,
    getitem,
    items,
    mails,
    moveitem,
    of_class,
    updateitem,
)
from tests.simulator.raw_http import INBOX, MARKER, Simulator, rows, running

RESPONSE = of_class("IPM.Schedule.Meeting.Resp")


@pytest.fixture(scope="module")
def world() -> Iterator[Simulator]:
    with running("--mailboxes", "2", "--requests", "12", "--responses", "8") as started:
        yield started


@pytest.fixture
def mail(world: Simulator) -> Mail:
    return mails(world)[0]


def test_a_mark_is_written_found_and_moved_along(mail: Mail) -> None:
    request = mail.requests()[0]
    (changed,) = items(mail.call(updateitem(request, "accept 2026")))
    assert (changed.id, changed.kind) == (request.id, "MeetingRequest")
    assert changed.key != request.key
    (found,) = mail.find(restriction=f"<t:Exists>{MARK}</t:Exists>", fields=MARK)
    assert (found.id, found.extended()) == (request.id, "accept 2026")
    path = found.element.find(".//{*}ExtendedFieldURI")
    assert dict(path.attrib) == {"PropertySetId": MARK_SET, "PropertyName": "intent", "PropertyType": "String"}
    moved = items(mail.respond(request.id))[1]
    (kept,) = mail.find("deleteditems", f"<t:Exists>{MARK}</t:Exists>", MARK)
    assert (kept.id, kept.extended()) == (moved.id, "accept 2026")


def test_only_the_newest_version_is_overwritten(mail: Mail) -> None:
    request = mail.requests()[0]
    mail.call(updateitem(request, "first"))
    assert codes(mail.call(updateitem(request, "second"))) == ["ErrorIrresolvableConflict"]
    assert codes(mail.call(updateitem(request, "second", None))) == ["ErrorChangeKeyRequiredForWriteOperations"]
    assert mail.get(request.id, fields=MARK)[0].extended() == "first"
    for resolution in ("AutoResolve", "AlwaysOverwrite"):
        mail.call(updateitem(request, resolution, None, resolution))
        assert mail.get(request.id, fields=MARK)[0].extended() == resolution


def test_a_mark_is_taken_away(mail: Mail) -> None:
    request = mail.requests()[0]
    items(mail.call(updateitem(request, "x", None, "AlwaysOverwrite")))
    whole = updateitem(request, "x", None, "AlwaysOverwrite")
    start, end = whole.index("<t:SetItemField>"), whole.index("</t:Updates>")
    items(mail.call(f"{whole[:start]}<t:DeleteItemField>{MARK}</t:DeleteItemField>{whole[end:]}"))
    assert mail.get(request.id, fields=MARK)[0].extended() is None


def test_davmails_mark_is_the_same_by_both_protocols(world: Simulator, mail: Mail) -> None:
    request = mail.requests()[0]
    marker = '<t:ExtendedFieldURI PropertyTag="0x65E8" PropertyType="Boolean"/>'
    whole = updateitem(request, "true", None, "AlwaysOverwrite").replace(MARK, marker)
    items(mail.call(whole))
    found = rows(world.search(INBOX, MARKER, f"AND {MARKER} = True"))
    assert len(found) == 1


def test_a_message_is_marked_as_read(mail: Mail) -> None:
    request = mail.requests()[0]
    whole = updateitem(request, "x", None, "AlwaysOverwrite")
    start, end = whole.index("<t:SetItemField>"), whole.index("</t:Updates>")
    for state in ("true", "false"):
        field = f"{field_uris('message:IsRead')}<t:Message><t:IsRead>{state}</t:IsRead></t:Message>"
        items(mail.call(f"{whole[:start]}<t:SetItemField>{field}</t:SetItemField>{whole[end:]}"))
        assert mail.get(request.id, fields=field_uris("message:IsRead"))[0].text("IsRead") == state


def test_an_update_says_what_to_do_with_conflicts_and_with_the_message(mail: Mail) -> None:
    request = mail.requests()[0]
    whole = updateitem(request, "x")
    assert fault_of(mail.post(whole.replace(' ConflictResolution="NeverOverwrite"', ""))) == "ErrorSchemaValidation"
    without = whole.replace(' MessageDisposition="SaveOnly"', "")
    assert codes(mail.call(without)) == ["ErrorMessageDispositionRequired"]
    subject = f"{field_uris('item:Subject')}<t:Message><t:Subject>x</t:Subject></t:Message>"
    start, end = whole.index("<t:SetItemField>"), whole.index("</t:Updates>")
    refused = f"{whole[:start]}<t:SetItemField>{subject}</t:SetItemField>{whole[end:]}"
    assert codes(mail.call(refused)) == ["ErrorInvalidPropertySet"]
    booked = mail.find("calendar")[0]
    assert codes(mail.call(updateitem(booked, "x"))) == ["ErrorSendMeetingInvitationsOrCancellationsRequired"]


def test_a_moved_item_has_another_id(world: Simulator, mail: Mail) -> None:
    response = mail.find(restriction=RESPONSE)[0]
    before = world.oracle("summary")
    (moved,) = items(mail.call(moveitem(response.id)))
    assert moved.id != response.id
    assert codes(mail.call(getitem(response.id))) == ["ErrorItemNotFound"]
    assert codes(mail.call(moveitem(response.id))) == ["ErrorItemNotFound"]
    assert moved.id in {row.id for row in mail.find("deleteditems")}
    after = world.oracle("summary")
    assert after["responses"]["moved"] == before["responses"]["moved"] + 1
    assert after["pace"]["operations"] == before["pace"]["operations"] + 1
    silent = moveitem(moved.id, "inbox").replace(
        "</m:MoveItem>", "<m:ReturnNewItemIds>false</m:ReturnNewItemIds></m:MoveItem>"
    )
    assert items(mail.call(silent)) == []


def test_a_copy_is_another_item_with_the_same_search_key(mail: Mail) -> None:
    row = mail.requests()[0]
    before = mail.total("inbox")
    (copied,) = items(mail.call(moveitem(row.id, "drafts").replace("MoveItem", "CopyItem")))
    assert copied.id != row.id
    assert mail.total("inbox") == before
    first, second = mail.get(row.id, copied.id, fields=SEARCH_KEY)
    assert first.extended() == second.extended()


def test_an_item_is_deleted_to_deleted_items_or_for_good(world: Simulator) -> None:
    mail = mails(world)[1]
    first, second = mail.find(restriction=RESPONSE)[:2]
    deleted = mail.total("deleteditems")
    before = world.oracle("summary")["responses"]
    assert codes(mail.call(deleteitem(first.id))) == ["NoError"]
    assert mail.total("deleteditems") == deleted + 1
    assert codes(mail.call(deleteitem(second.id, "HardDelete"))) == ["NoError"]
    assert mail.total("deleteditems") == deleted + 1
    after = world.oracle("summary")["responses"]
    assert (after["moved"] - before["moved"], after["deleted"] - before["deleted"]) == (1, 1)
    assert codes(mail.call(deleteitem(first.id))) == ["ErrorItemNotFound"]
    assert fault_of(mail.post(deleteitem(first.id).replace(' DeleteType="MoveToDeletedItems"', "")))


def test_an_appointment_is_deleted_only_with_a_word_on_cancellations(mail: Mail) -> None:
    booked = mail.find("calendar")[0]
    assert codes(mail.call(deleteitem(booked.id))) == ["ErrorSendMeetingCancellationsRequired"]
    assert codes(mail.call(deleteitem(booked.id, cancellations="SendToNone"))) == ["NoError"]
    assert booked.id not in {row.id for row in mail.find("calendar")}
