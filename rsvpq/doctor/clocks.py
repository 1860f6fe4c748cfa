"""Compare clocks: pace and leases use the clock of Redis, certificates and the age of requests that of this machine."""

from collections.abc import Mapping

from rsvpq.doctor.results import Notes

#: Seconds; Kerberos commonly stops working at five minutes.
_WARN_S, _FAIL_S = 60.0, 600.0
#: Seconds that count as equal: a Date header has no fractions, and is some time under way.
_SAME_S = 2.0


def judge_skew(notes: Notes, ahead_s: Mapping[str, float], whose: str) -> None:
    """Note how many seconds a clock is ahead of other clocks, by their names."""
    found = []
    for other, seconds in ahead_s.items():
        apart = f"{abs(seconds):.0f} s {'ahead of' if seconds > 0 else 'behind'}"
        found.append(f"{'agrees with' if abs(seconds) < _SAME_S else apart} {other}")
    text, worst = "; ".join(found), max(map(abs, ahead_s.values()))
    remedy = f"set the clocks of {whose} and of this machine by NTP"
    if worst > _FAIL_S:
        notes.fail("clock", text, remedy)
    elif worst > _WARN_S:
        notes.warn("clock", text, remedy)
    else:
        notes.ok("clock", text)
