"""The simulator's SUBSCRIBE, POLL and UNSUBSCRIBE."""

import pytest

from tests.simulator.raw_http import INBOX, Answer, Simulator, path_of

NEW_MEMBER = "update/newmember"


def subscribe(simulator: Simulator, kind: str = NEW_MEMBER, **headers: str) -> Answer:
    return simulator.ask("SUBSCRIBE", INBOX, "", 0, Notification_Type=kind, Depth="1", **headers)


def poll(simulator: Simulator, *ids: str) -> list[str]:
    answer = simulator.ask("POLL", INBOX, Subscription_Id=", ".join(ids))
    assert answer.status == 207
    assert answer.body.count(b"<b:subscriptionID><li>") == len(ids)
    return [part[9:12].decode() for part in answer.body.split(b"<a:status>")[1:]]


def test_a_subscription_has_an_id_a_lifetime_and_a_place(simulator: Simulator) -> None:
    answer = subscribe(simulator, Subscription_Lifetime="600")
    assert answer.status == 200
    assert answer.headers["Subscription-Lifetime"] == "600"
    assert answer.headers["Content-Location"] == f"http://mail.example.com{INBOX}"
    assert subscribe(simulator).headers["Subscription-Id"] != answer.headers["Subscription-Id"]


def test_a_poll_says_once_what_happened_to_which_subscription(simulator: Simulator) -> None:
    kinds = (NEW_MEMBER, "update", "delete")
    new, update, delete = (subscribe(simulator, kind).headers["Subscription-Id"] for kind in kinds)
    assert poll(simulator, new, update, delete) == ["204", "204", "204"]
    simulator.ask("PUT", f"{INBOX}/new.EML", "Subject: new\r\n\r\n", Translate="f")
    assert poll(simulator, new, update, delete) == ["200", "200", "204"]
    assert poll(simulator, new, update, delete) == ["204", "204", "204"]
    simulator.ask("DELETE", f"{INBOX}/new.EML")
    assert poll(simulator, new, update, delete) == ["204", "200", "200"]


def test_a_subscription_is_renewed_by_its_id_and_ends_on_request(simulator: Simulator) -> None:
    number = subscribe(simulator).headers["Subscription-Id"]
    assert simulator.ask("SUBSCRIBE", INBOX, Subscription_Id=number).status == 200
    assert subscribe(simulator, Subscription_Id=number).status == 400
    assert simulator.ask("UNSUBSCRIBE", INBOX, Subscription_Id=number).status == 200
    for verb in ("POLL", "SUBSCRIBE", "UNSUBSCRIBE"):
        assert simulator.ask(verb, INBOX, Subscription_Id=number).status == 412


def test_a_restart_of_iis_forgets_subscriptions(simulator: Simulator) -> None:
    number = subscribe(simulator).headers["Subscription-Id"]
    assert poll(simulator, number) == ["204"]
    assert simulator.ask("POST", "/_oracle/forget-sessions").status == 200
    assert simulator.ask("POLL", INBOX, Subscription_Id=number).status == 412


def test_no_subscription_lives_for_ever(simulator: Simulator) -> None:
    assert subscribe(simulator, Subscription_Lifetime="999999999").headers["Subscription-Lifetime"] == "86400"


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        (INBOX, {"Notification_Type": "sometimes"}, 400),
        (INBOX, {"Notification_Type": "update", "Depth": "infinity"}, 400),
        ("/exchange/adele0/Nowhere", {"Notification_Type": "update"}, 404),
    ],
)
def test_what_cannot_be_subscribed_to(simulator: Simulator, path: str, headers: dict[str, str], status: int) -> None:
    assert simulator.ask("SUBSCRIBE", path, "", 0, **headers).status == status
    item = path_of(simulator.find(INBOX)[0]["href"])
    assert simulator.ask("SUBSCRIBE", item, Notification_Type="update").status == 403
    assert simulator.ask("POLL", INBOX, Subscription_Id="x").status == 400
