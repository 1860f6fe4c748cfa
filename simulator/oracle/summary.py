"""The oracle's verdict on a whole run, computed from tallies and meters when somebody asks."""

from collections import Counter, defaultdict
from collections.abc import Iterable

from simulator.oracle.pace import longest_small_wait, pace_report
from simulator.serving.meters import Meters
from simulator.world.attendance import entered, opened
from simulator.world.mailboxes import Mailbox
from simulator.world.state import Seeded, World
from simulator.world.tally import Action, Kind

_VERDICTS = (Action.ACCEPTED, Action.DECLINED, Action.TENTATIVE)
#: What can have become of an edition. Those from `outdated` on are the ones that nobody answered: rightly, because
#: others did, or because the server lets nobody answer a delegate's copy.
REQUEST_STATES = (
    "answered_once",
    "answered_twice",
    "accepted_unsent",
    "waiting",
    "outdated",
    "left_alone",
    "taken_away",
    "refused",
)


def summary(world: World, meters: Meters) -> dict[str, object]:
    """Return the document of `GET /_oracle/summary`."""
    operations = [times for times in meters.server_operations.values() if times]
    return {
        "seeded": _by_kind(world.seeded),
        "requests": _requests(world.seeded),
        "forbidden": sum(map(is_forbidden, world.seeded)),
        "responses": _responses([seeded for seeded in world.seeded if seeded.kind is Kind.RESPONSE]),
        "untouched": _by_kind(seeded for seeded in world.seeded if seeded.tally.untouched),
        "circle": world.arranged.report(),
        "in_flight": _in_flight(meters),
        "pace": pace_report(meters),
        "requests_by_verb": dict(sorted(meters.requests_by_verb.items())),
        "small_mailbox_longest_wait_s": longest_small_wait(meters),
        "first_operation": min((times[0] for times in operations), default=None),
        "last_operation": max((times[-1] for times in operations), default=None),
        "http_requests": meters.requests_by_verb.total(),
        "mutating": meters.mutating,
    }


def request_states(seeded: Iterable[Seeded]) -> dict[tuple[Mailbox, str], str]:
    """Return the state of each edition of a meeting, over all its copies in a mailbox."""
    copies: defaultdict[tuple[Mailbox, str], list[Seeded]] = defaultdict(list)
    for one in seeded:
        if one.kind is Kind.REQUEST:
            copies[one.mailbox, one.edition].append(one)
    return {key: _state(group) for key, group in copies.items()}


def is_forbidden(seeded: Seeded) -> bool:
    """Return whether a message was answered that must not be, or a person's own draft was sent or moved."""
    if seeded.kind is Kind.DRAFT:
        return seeded.tally.count(Action.SUBMITTED, Action.MOVED, Action.DELETED) > 0
    return bool(seeded.why) and seeded.tally.count(*_VERDICTS, Action.SUBMITTED) > 0


def _state(copies: list[Seeded]) -> str:
    answers, submitted, taken = (
        sum(one.tally.count(*actions) for one in copies)
        for actions in (_VERDICTS, (Action.SUBMITTED,), (Action.TAKEN,))
    )
    if answers > 1 or submitted > 1:
        return "answered_twice"
    if answers:
        wanted = any(one.message.meeting is not None and one.message.meeting.response_requested for one in copies)
        return "accepted_unsent" if wanted and not submitted else "answered_once"
    if taken:
        return "taken_away"
    if any(one.outdated for one in copies):
        return "outdated"
    if any(one.why for one in copies):
        return "left_alone"
    return "refused" if all(one.tally.count(Action.REFUSED) for one in copies) else "waiting"


def _requests(seeded: Iterable[Seeded]) -> dict[str, int]:
    states = Counter(request_states(seeded).values())
    return {"seeded": states.total(), **{name: states[name] for name in REQUEST_STATES}}


def _responses(responses: list[Seeded]) -> dict[str, int]:
    tallies = [seeded.tally for seeded in responses]
    by_client, by_server = opened(tallies), entered(tallies)
    return {
        "seeded": len(responses),
        "opened": by_client,
        "opened_more_than_once": sum(tally.count(Action.OPENED) > 1 for tally in tallies),
        "entered": by_server,
        "unopened": len(responses) - by_client - by_server,
        "moved": sum(seeded.tally.count(Action.MOVED) > 0 for seeded in responses),
        "deleted": sum(seeded.tally.count(Action.DELETED) > 0 for seeded in responses),
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
