"""The oracle's verdict on a whole run, computed from tallies and meters when somebody asks."""

from collections import Counter
from collections.abc import Iterable

from simulator.meters import Meters
from simulator.pace import longest_small_wait, pace_report
from simulator.tally import Deed, Kind
from simulator.world import Seeded, World

_VERDICTS = (Deed.ACCEPTED, Deed.DECLINED, Deed.TENTATIVE)


def summary(world: World, meters: Meters) -> dict[str, object]:
    """Everything that `GET /_oracle/summary` says."""
    operations = [times for times in meters.server_operations.values() if times]
    return {
        "seeded": _by_kind(world.seeded),
        "requests": _requests([seeded for seeded in world.seeded if seeded.kind is Kind.REQUEST]),
        "responses": _responses([seeded for seeded in world.seeded if seeded.kind is Kind.RESPONSE]),
        "untouched": _by_kind(seeded for seeded in world.seeded if seeded.tally.untouched),
        "circle": world.circle.report(),
        "in_flight": _in_flight(meters),
        "pace": pace_report(meters),
        "requests_by_verb": dict(sorted(meters.requests_by_verb.items())),
        "small_mailbox_longest_wait_s": longest_small_wait(meters),
        "first_operation": min((times[0] for times in operations), default=None),
        "last_operation": max((times[-1] for times in operations), default=None),
        "http_requests": meters.requests_by_verb.total(),
        "mutating": meters.mutating,
    }


def request_state(seeded: Seeded) -> str:
    """Which of the fates of a request this one met."""
    answers = seeded.tally.count(*_VERDICTS)
    submitted = seeded.tally.count(Deed.SUBMITTED)
    if answers > 1 or submitted > 1:
        return "answered_twice"
    if not answers:
        unanswered = "outdated" if seeded.outdated else "waiting"
        return "taken_away" if seeded.tally.count(Deed.TAKEN) else unanswered
    wanted = seeded.message.meeting is not None and seeded.message.meeting.response_requested
    return "accepted_unsent" if wanted and not submitted else "answered_once"


def _requests(requests: list[Seeded]) -> dict[str, int]:
    states = Counter(map(request_state, requests))
    names = ("answered_once", "answered_twice", "accepted_unsent", "waiting", "outdated", "taken_away")
    return {"seeded": len(requests), **{name: states[name] for name in names}}


def _responses(responses: list[Seeded]) -> dict[str, int]:
    opened = [seeded.tally.count(Deed.OPENED) for seeded in responses]
    return {
        "seeded": len(responses),
        "opened": sum(times > 0 for times in opened),
        "opened_more_than_once": sum(times > 1 for times in opened),
        "unopened": sum(times == 0 for times in opened),
        "moved": sum(seeded.tally.count(Deed.MOVED) > 0 for seeded in responses),
        "deleted": sum(seeded.tally.count(Deed.DELETED) > 0 for seeded in responses),
    }


def _by_kind(messages: Iterable[Seeded]) -> dict[str, int]:
    counts = Counter(seeded.kind for seeded in messages)
    return {kind.value: counts[kind] for kind in Kind}


def _in_flight(meters: Meters) -> dict[str, object]:
    busiest = max(meters.mailboxes.items(), key=lambda entry: entry[1].highest, default=None)
    return {
        "mailbox": {"max": busiest[1].highest, "name": busiest[0].name} if busiest else {"max": 0, "name": None},
        "servers": {str(server): gauge.highest for server, gauge in sorted(meters.servers.items())},
        "over_limit": meters.over_limit,
        "now": sum(gauge.current for gauge in meters.servers.values()),
    }
