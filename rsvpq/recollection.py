"""What the ledger has forgotten of the answers that were given, as a mailbox itself tells it.

The ledger remembers what each meeting, and each occurrence, was answered with for as long as an older edition or
another copy may come. After a loss of Redis, Sent Items has it.
"""

from datetime import datetime, timedelta

from rsvpq.editions import MeetingKey, Settled, Version, instant
from rsvpq.exchange.client import MailboxClient
from rsvpq.journal import Journal

#: Beyond the age at which a message is left alone: clocks differ, and an answer is younger than its request.
SLACK = timedelta(days=2)
#: The longest memory, whatever age of messages is allowed.
LONGEST = timedelta(days=400)
#: Sent answers per step that keeps the lease.
_STEP = 100


def kept_for(max_age: timedelta) -> timedelta:
    """How long answers are remembered, where messages up to this age are acted upon."""
    return min(max_age + SLACK, LONGEST)


def recollect(box: MailboxClient, journal: Journal, oldest: datetime) -> dict[str, Settled]:
    """The newest answer to each meeting that Sent Items has, by topic.

    :param oldest: where the search ends.
    :raises ExchangeError: as the client says.
    """
    journal.intend("search")
    found: dict[str, Settled] = {}
    for number, answer in enumerate(box.sent_responses(), start=1):
        if number % _STEP == 0:
            journal.note("recollected", number)
        sent = instant(answer.received)
        if sent is not None and sent < oldest:
            break
        # The stamp of an answer is not that of its request.
        settled = Settled("", str(answer.verdict), Version(answer.sequence), answer.start, answer.end)
        topic = MeetingKey.of(answer).topic
        if topic and (topic not in found or found[topic].version.is_older_than(settled.version)):
            found[topic] = settled
    return found
