"""Exchange Web Services before any operation: paths, envelopes, versions, and whose mailbox is meant."""

import base64
from collections.abc import Iterator

import pytest

from tests.simulator.ews_client import (
    PATH,
    E,
    Mail,
    S,
    T,
    codes,
    createitem,
    envelope,
    fault_of,
    finditem,
    getfolder,
    impersonation,
    mails,
    response_of,
)
from tests.simulator.raw_http import AUTHORIZATION, Simulator, running


@pytest.fixture(scope="module")
def world() -> Iterator[Simulator]:
    with running("--mailboxes", "8", "--requests", "3", "--servers", "2") as started:
        yield started


@pytest.fixture
def mail(world: Simulator) -> Mail:
    return mails(world)[0]


def test_the_path_has_no_case_and_get_is_not_allowed(world: Simulator, mail: Mail) -> None:
    document = envelope(getfolder("inbox", mail.address))
    for path in (PATH, "/ews/exchange.asmx", "/EWS/EXCHANGE.ASMX"):
        assert world.ask("POST", path, document).status == 200
    assert world.ask("GET", PATH).status == 405
    assert world.ask("GET", PATH, Authorization="").status == 401


@pytest.mark.parametrize(
    "document", ["", "no xml", "<a/>", "<!DOCTYPE a><a/>", '<s:Envelope xmlns:s="http://example.com"/>']
)
def test_what_is_no_soap_is_a_bad_request(mail: Mail, document: str) -> None:
    assert mail.send(document).status == 400


def test_every_answer_says_the_version(mail: Mail) -> None:
    answer = mail.post(getfolder("inbox"))
    assert answer.headers["Content-Type"] == "text/xml; charset=utf-8"
    header = response_of(answer).getparent().getparent().find(f"{S}Header/{T}ServerVersionInfo")
    assert (header.get("MajorVersion"), header.get("MinorVersion"), header.get("Version")) == ("15", "1", "V2017_07_11")


def test_an_unknown_operation_is_an_invalid_request(mail: Mail) -> None:
    answer = mail.post("<m:GetEverything/>")
    assert fault_of(answer) == "ErrorInvalidRequest"
    assert response_of(answer).findtext(f"detail/{E}Message") == "The request is invalid."


@pytest.mark.parametrize("version", ["Exchange2007_SP1", "Exchange2010_SP2", "Exchange2013_SP1", "Exchange2016", ""])
def test_schemas_up_to_the_servers_own_are_known(mail: Mail, version: str) -> None:
    assert mail.post(getfolder("inbox"), version).status == 200


def test_no_schema_has_the_name_of_a_build(mail: Mail) -> None:
    assert fault_of(mail.post(getfolder("inbox"), "V2017_07_11")) == "ErrorSchemaValidation"


def test_children_out_of_order_are_against_the_schema(mail: Mail) -> None:
    turned = (
        '<m:CreateItem MessageDisposition="SendAndSaveCopy"><m:Items><t:AcceptItem><t:ReferenceItemId Id="x"/>'
        '<t:Body BodyType="Text">x</t:Body></t:AcceptItem></m:Items></m:CreateItem>'
    )
    assert fault_of(mail.post(turned)) == "ErrorSchemaValidation"
    ordered = "<m:ParentFolderIds/><m:ItemShape/>"
    assert fault_of(mail.post(f'<m:FindItem Traversal="Shallow">{ordered}</m:FindItem>')) == "ErrorSchemaValidation"
    assert fault_of(mail.post(finditem("inbox").replace(' Traversal="Shallow"', ""))) == "ErrorSchemaValidation"


@pytest.mark.parametrize("element", ["PrimarySmtpAddress", "SmtpAddress", "PrincipalName"])
def test_a_mailbox_is_impersonated_by_its_address(mail: Mail, element: str) -> None:
    who = f"<t:{element}>{mail.address.upper()}</t:{element}>"
    assert mail.send(envelope(getfolder("inbox"), impersonation(who))).status == 200


def test_a_principal_name_can_be_the_alias(mail: Mail) -> None:
    who = "<t:PrincipalName>adele0@example.com</t:PrincipalName>"
    assert mail.send(envelope(getfolder("inbox"), impersonation(who))).status == 200


def test_nobody_is_impersonated_who_has_no_mailbox_on_this_server(world: Simulator, mail: Mail) -> None:
    assert fault_of(Mail(world, "nobody@example.com").post(getfolder("inbox"))) == "ErrorNonExistentMailbox"
    elsewhere = next(one for one in mails(world) if one.server == 1)
    assert elsewhere.post(getfolder("inbox")).status == 200
    assert fault_of(Mail(world, elsewhere.address, 0).post(getfolder("inbox"))) == "ErrorNonExistentMailbox"
    who = "<t:SID>S-1-5-21-1</t:SID>"
    assert fault_of(mail.send(envelope(getfolder("inbox"), impersonation(who)))) == "ErrorNonExistentMailbox"


def test_a_delegate_names_the_mailbox_in_the_folder(world: Simulator, mail: Mail) -> None:
    delegate = Mail(world, "")
    response = delegate.call(getfolder("inbox", mail.address))
    assert int(response.findtext(f".//{T}TotalCount")) == mail.total("inbox")
    assert codes(delegate.call(getfolder("inbox", "nobody@example.com"))) == ["ErrorNonExistentMailbox"]


def test_without_either_the_mailbox_is_the_accounts_own(world: Simulator) -> None:
    assert codes(Mail(world, "").call(getfolder("inbox"))) == ["ErrorNonExistentMailbox"]
    with running("--mailboxes", "2", "--user", "CORP\\adele0") as simulator:
        own = "Basic " + base64.b64encode(b"CORP\\adele0:simulator").decode()
        mail = Mail(simulator, "", headers={"Authorization": own})
        assert codes(mail.call(getfolder("inbox"))) == ["NoError"]


def test_who_has_a_mailbox_opens_no_other(world: Simulator, mail: Mail) -> None:
    own = {"Authorization": "Basic " + base64.b64encode(b"CORP\\adele0:simulator").decode()}
    other = next(one for one in mails(world) if one.server == 0 and one.address != mail.address)
    adele = Mail(world, "", headers=own)
    assert codes(adele.call(getfolder("inbox"))) == ["NoError"]
    assert codes(adele.call(getfolder("inbox", other.address))) == ["ErrorFolderNotFound"]
    assert fault_of(Mail(world, other.address, headers=own).post(getfolder("inbox"))) == "ErrorImpersonateUserDenied"


def test_an_impersonated_mailbox_opens_no_other(world: Simulator, mail: Mail) -> None:
    other = next(one for one in mails(world) if one.server == 0 and one.address != mail.address)
    theirs = other.find()[0]
    assert codes(mail.call(getfolder("inbox", other.address))) == ["ErrorFolderNotFound"]
    assert codes(mail.call(createitem(theirs.id))) == ["ErrorItemNotFound"]


def test_the_password_counts(mail: Mail) -> None:
    answer = mail.post(getfolder("inbox"), Authorization="Basic " + base64.b64encode(b"CORP\\svc-rsvpq:x").decode())
    assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, 'Basic realm="mail.example.com"')


def test_a_server_with_a_form_takes_basic_here() -> None:
    with running("--mailboxes", "1", "--auth", "forms2003") as simulator:
        (mail,) = mails(simulator)
        assert mail.post(getfolder("inbox"), Authorization=AUTHORIZATION).status == 200
        assert mail.post(getfolder("inbox"), Authorization="").status == 401


def test_a_fault_is_no_error_page(world: Simulator, mail: Mail) -> None:
    world.turn(error_body="empty")
    assert fault_of(mail.post("<m:GetEverything/>")) == "ErrorInvalidRequest"
    assert world.ask("GET", PATH).body == b""
    world.turn(error_body="page")


def test_operations_are_counted_by_their_names(world: Simulator, mail: Mail) -> None:
    before = world.oracle("summary")
    mail.post(getfolder("inbox"))
    mail.post(createitem("x"))
    after = world.oracle("summary")
    counts = [told["requests_by_verb"] for told in (before, after)]
    assert [counts[1][name] - counts[0].get(name, 0) for name in ("GetFolder", "CreateItem")] == [1, 1]
    assert after["mutating"] - before["mutating"] == 1
    assert after["in_flight"]["now"] == 0
