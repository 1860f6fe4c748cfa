"""SOAP responses: whatever bytes come, the result is messages, a fault or Malformed."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rsvpq.ews.soap import DEEPEST, MOST_ELEMENTS, BrokenXml, parse_response
from rsvpq.mail.errors import Malformed
from tests.support import ews_responses as ews

GOT = ews.got(ews.REQUEST, "")


def test_each_item_has_its_own_success_or_failure() -> None:
    parsed = parse_response(GOT, "GetItem")
    first, second = parsed.messages
    assert first.failure is None
    assert [one.tag for one in first.items()] == [f"{ews.T}MeetingRequest"]
    assert second.failure is not None
    assert (second.failure.code, second.failure.text) == ("ErrorItemNotFound", "No.")


@pytest.mark.parametrize("prefixes", [("soap", "messages", "types"), ("S", "ns1", "ns2"), ("m", "t", "s")])
def test_prefixes_vary(prefixes: tuple[str, str, str]) -> None:
    content = "<m:GetItemResponse><m:ResponseMessages>" + ews.success("GetItem") + "</m:ResponseMessages>"
    body = content + "</m:GetItemResponse>"
    parsed = parse_response(ews.envelope(body, prefixes), "GetItem")
    assert [one.failure for one in parsed.messages] == [None]


@pytest.mark.parametrize("body", [GOT, ews.fault("ErrorServerBusy")], ids=["messages", "fault"])
@pytest.mark.parametrize(
    ("shown", "build"), [("15.2.2562.17", "15.2.2562.17"), ("", ""), ("15.2", ""), ("15.2.x.1", ""), ("1.2.3.", "")]
)
def test_the_build_of_the_server_is_shown_if_all_of_it_is(body: bytes, shown: str, build: str) -> None:
    assert parse_response(ews.of_build(body, shown), "GetItem").build == build


def test_a_fault_shows_its_code_and_details() -> None:
    fault = parse_response(ews.fault("ErrorServerBusy", values={"BackOffMilliseconds": "297749"}), "GetItem").fault
    assert fault is not None
    assert (fault.code, fault.values) == ("ErrorServerBusy", {"BackOffMilliseconds": "297749"})


def test_trap_20c_a_faultcode_may_be_all_that_there_is() -> None:
    body = ews.envelope("<s:Fault><faultcode>t:ErrorImpersonateUserDenied</faultcode></s:Fault>")
    fault = parse_response(body, "GetItem").fault
    assert fault is not None
    assert fault.code == "ErrorImpersonateUserDenied"


@pytest.mark.parametrize(
    "code", ["<m:ResponseCode>NoError</m:ResponseCode>", "", "<m:ResponseCode>ErrorItemSave</m:ResponseCode>"]
)
def test_anything_but_a_success_without_an_error_is_a_failure(code: str) -> None:
    warning = f'<m:CreateItemResponseMessage ResponseClass="Warning">{code}</m:CreateItemResponseMessage>'
    (message,) = parse_response(ews.response("CreateItem", warning), "CreateItem").messages
    assert message.failure is not None
    assert message.failure.code in {"", "ErrorItemSave"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"<html><body>Service unavailable</body></html>",
        b"<!DOCTYPE html><html/>",
        b"{}",
        b"\xff\xfe<\x00s\x00",
        b"<Envelope/>",
        b'<?xml version="1.0" encoding="utf-16"?><Envelope/>',
        b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body/></s:Envelope>',
        ews.envelope(""),
        ews.envelope("<m:GetItemResponse/>"),
        ews.envelope("<m:FindItemResponse><m:ResponseMessages/></m:FindItemResponse>"),
        b'<!DOCTYPE x [<!ENTITY a "b">]>' + GOT.partition(b"?>")[2],
    ],
)
def test_what_is_no_response_to_the_operation_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed) as caught:
        parse_response(body, "GetItem")
    assert not isinstance(caught.value, BrokenXml)


def test_no_entity_is_expanded() -> None:
    bomb = b'<?xml version="1.0"?><!DOCTYPE s [<!ENTITY a "aaaa">]>' + GOT.partition(b"?>")[2].replace(b"Plan", b"&a;")
    with pytest.raises(Malformed):
        parse_response(bomb, "GetItem")
    with pytest.raises(BrokenXml):
        parse_response(GOT.replace(b"Planning", b"&a;"), "GetItem")


@pytest.mark.parametrize("subject", [b"\x01", b"&#1;", b"&#x1f;", b"<", b"\xff", b"&amp"])
def test_a_subject_that_is_not_xml_is_distinguished_from_another_page(subject: bytes) -> None:
    with pytest.raises(BrokenXml):
        parse_response(GOT.replace(b"Planning", subject), "GetItem")


def test_depth_and_number_of_elements_are_bounded() -> None:
    deep = ews.envelope("<t:a>" * DEEPEST + "</t:a>" * DEEPEST)
    many = ews.envelope("<t:a/>" * MOST_ELEMENTS)
    for body in (deep, many):
        with pytest.raises(Malformed, match="too many elements"):
            parse_response(body, "GetItem")


def survives(body: bytes) -> None:
    """Parsing ends in a response or in Malformed."""
    try:
        parsed = parse_response(body, "GetItem")
    except Malformed:
        return
    assert parsed.fault is not None or isinstance(parsed.messages, tuple)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_response_or_malformed(body: bytes) -> None:
    survives(body)
    survives(b"<s:Envelope " + body)


@given(st.randoms(use_true_random=False), st.binary(min_size=1, max_size=8))
def test_any_damage_leaves_a_response_or_malformed(chance: random.Random, damage: bytes) -> None:
    for whole in (GOT, ews.fault("ErrorServerBusy"), ews.page(ews.REQUEST)):
        at = chance.randrange(len(whole))
        survives(whole[:at] + damage + whole[at + chance.randrange(len(damage) + 1) :])
        survives(whole[:at])
