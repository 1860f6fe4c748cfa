"""A sender of hundreds of requests does not keep those of others waiting."""

from producer.offer import in_fair_order
from rsvpq.mail.messages import ItemRef, MeetingMessage
from tests.support.policy_values import message
from tests.support.work_counts import opcodes_of


def sent(organizer: str, count: int, **more: object) -> list[MeetingMessage]:
    """So many requests of one organizer."""
    return [
        message(organizer=organizer, ref=ItemRef(f"{organizer} {more} {number}"), **more) for number in range(count)
    ]


def test_of_a_cap_each_organizer_gets_his_share() -> None:
    flood = sent("mallory@evil.example", 300)
    real = [one for number in range(6) for one in sent(f"person{number}@example.com", 10)]
    first = in_fair_order([*flood, *real])[:50]
    assert len([one for one in first if one in real]) >= 42
    assert in_fair_order([*flood, *real])[70:] == flood[10:]


def test_a_flood_by_the_name_of_an_organizer_is_not_his() -> None:
    flood = sent("ceo@example.com", 300, from_another="mallory@evil.example", sent_by=("mallory@evil.example",))
    real = sent("ceo@example.com", 20)
    assert [one for one in in_fair_order([*flood, *real])[:40] if one in real] == real


def test_what_was_left_alone_before_comes_last_and_in_turn_as_well() -> None:
    left = [*sent("a@example.com", 2), *sent("b@example.com", 2)]
    new = sent("c@example.com", 2)
    assert in_fair_order([*left, *new], left) == [*new, left[0], left[2], left[1], left[3]]


def test_of_one_organizer_the_first_comes_first() -> None:
    requests = sent("a@example.com", 5)
    assert in_fair_order(requests) == requests
    assert in_fair_order([]) == []


def test_a_crowd_beside_one_who_sends_as_much_takes_work_in_proportion() -> None:
    def work(size: int) -> int:
        crowd = [one for number in range(size) for one in sent(f"person{number}@example.com", 1)]
        messages = [*crowd, *sent("mallory@evil.example", size)]
        return opcodes_of(lambda: in_fair_order(messages))

    assert work(400) < 3 * work(200)
