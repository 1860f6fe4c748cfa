"""The largest numbers that may be written mean to the ledger what they say."""

from rsvpq.audit.log import AuditLog, Filter
from rsvpq.lanes import Ending, StartResult
from rsvpq.lanes.bounds import ENDLESS, LARGEST_AT_ONCE, LARGEST_ATTEMPTS, LARGEST_COUNT, LONGEST_S
from rsvpq.settings import Duration
from tests.support.installation import Installation
from tests.support.lanes_with_clock import released

LONGEST = Duration(LONGEST_S)
LARGEST = f"""
[limits]
rate = "0.1/h"
burst = {LARGEST_AT_ONCE}
[lanes]
scans_released = {LARGEST_AT_ONCE}
answers_released = {LARGEST_AT_ONCE}
release_lease = "{LONGEST}"
run_lease = "{LONGEST}"
longest_run = "{LONGEST}"
remember = "{LONGEST}"
[retry]
attempts = {LARGEST_ATTEMPTS}
first_delay = "{LONGEST}"
longest_delay = "{LONGEST}"
[audit]
retention = "{LONGEST}"
most_records = {LARGEST_COUNT}
"""


def test_an_item_is_processed_and_paced_with_the_largest_numbers(installation: Installation) -> None:
    installation.write(LARGEST)
    assert installation.rsvpq("config", "check").returncode == 0
    lanes = installation.lanes()
    assert lanes.controls.configured()
    limited = installation.rsvpq("limit", "mailbox", "adele", "--burst", str(LARGEST_AT_ONCE))
    assert f"burst {LARGEST_AT_ONCE}" in limited.stdout, limited.stderr
    release = released(lanes, "a", "b")
    assert lanes.ledger.start(release.id, release.generation, "worker").result is StartResult.RUN
    assert lanes.ledger.sweep() == (0, 0), "no lease is over"
    mailbox, redis = f"{lanes.namespace.prefix}:mailbox:adele", lanes.namespace.redis
    furthest = lanes.time_us() + LARGEST_AT_ONCE * 36_000_000_000
    redis.hset(mailbox, "tat", f"{furthest:.0f}")
    done = Ending("done", "done", remember_s=LONGEST_S)
    lanes.ledger.finish(release.id, release.generation, "worker", done)
    assert not lanes.ledger.release(), "the pace is kept, as the ledger has not lost count"
    assert furthest <= int(float(redis.hget(mailbox, "tat"))) + 36_000_000_000 < ENDLESS
    assert AuditLog(lanes).newest(Filter(), 10), "nothing of the audit is too old"
