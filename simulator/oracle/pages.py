"""The pages `/_oracle/...` for tests and demonstrations, outside the protocol and its counters.

A client must never use it.  It needs no credentials, so it answers on loopback only.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from urllib.parse import parse_qs

from simulator.oracle.control_pages import control_pages
from simulator.oracle.controls import Controls
from simulator.oracle.summary import is_forbidden, request_states, summary
from simulator.serving.auth.options import Logins
from simulator.serving.http import HttpError, Request, Response
from simulator.serving.limits import LimitsError, parse_limits
from simulator.serving.meters import Meters
from simulator.webdav.subscriptions import Subscriptions
from simulator.world.attendance import STATUS_NAMES, Attendance, entered, opened, response_state
from simulator.world.mailboxes import Mailbox
from simulator.world.messages import Meeting
from simulator.world.series import over_at
from simulator.world.state import Seeded, World
from simulator.world.tally import Action, Kind, Tally
from simulator.world.values import date_text

PREFIX = "/_oracle/"


class Oracle:
    """Answers questions about a world and its meters."""

    def __init__(
        self, world: World, meters: Meters, logins: Logins, controls: Controls, subscriptions: Subscriptions
    ) -> None:
        self._world = world
        self._meters = meters
        self._logins = logins
        self._controls = controls
        self._subscriptions = subscriptions
        self._pages: dict[tuple[str, str], Callable[[Request], Response]] = {
            ("GET", "messages"): self._messages,
            ("GET", "mailboxes"): self._mailboxes,
            ("GET", "summary"): self._summary,
            ("GET", "meetings"): self._meetings,
            ("POST", "limits"): self._limits,
            ("POST", "forget-sessions"): self._forget_sessions,
            **control_pages(controls),
        }

    def answer(self, request: Request) -> Response:
        """Answer a request below `/_oracle/`."""
        if not request.from_loopback:
            raise HttpError(403)
        page = self._pages.get((request.method, request.path.removeprefix(PREFIX)))
        if page is None:
            raise HttpError(404)
        return page(request)

    def _messages(self, request: Request) -> Response:
        """Return all messages, or those of one mailbox, which is faster."""
        wanted = parse_qs(request.query).get("mailbox")
        seeded = [one for one in self._world.seeded if wanted is None or one.mailbox.name in wanted]
        states = request_states(seeded)
        return _ndjson(_message(one, _state(one, states), self._world.seeded_at) for one in seeded)

    def _meetings(self, _request: Request) -> Response:
        return _ndjson(map(_arranged, self._world.arranged.meetings.values()))

    def _mailboxes(self, _request: Request) -> Response:
        counts: defaultdict[Mailbox, Counter[Kind]] = defaultdict(Counter)
        for seeded in self._world.seeded:
            counts[seeded.mailbox][seeded.kind] += 1
        return _json([_mailbox(mailbox, counts[mailbox]) for mailbox in self._world.mailboxes])

    def _summary(self, _request: Request) -> Response:
        more = {"logins": self._logins.report(), "faults": dict(sorted(self._controls.faults.injected.items()))}
        return _json({**summary(self._world, self._meters), **more})

    def _forget_sessions(self, _request: Request) -> Response:
        """Forget all sessions and subscriptions, as a restart of IIS does."""
        self._logins.sessions.forget_all()
        self._subscriptions.forget_all()
        return _json({})

    def _limits(self, request: Request) -> Response:
        try:
            self._meters.limits = parse_limits(json.loads(request.body))
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            return _json({"error": str(error)}, 400)
        except LimitsError as error:
            return _json({"error": str(error)}, 400)
        return _json({})


def _json(document: object, status: int = 200) -> Response:
    return Response(status, json.dumps(document, ensure_ascii=False).encode(), "application/json")


def _ndjson(documents: Iterable[dict[str, object]]) -> Response:
    lines = (json.dumps(document, ensure_ascii=False) for document in documents)
    return Response(200, "".join(f"{line}\n" for line in lines).encode(), "application/x-ndjson")


def _mailbox(mailbox: Mailbox, counts: Counter[Kind]) -> dict[str, object]:
    return {
        "mailbox": mailbox.name,
        "address": mailbox.owner.address,
        "server": mailbox.server,
        "language": mailbox.language,
        "messages": {kind.value: counts[kind] for kind in Kind},
        "deep": mailbox.deep,
    }


def _state(seeded: Seeded, requests: Mapping[tuple[Mailbox, str], str]) -> str | None:
    if seeded.kind is Kind.RESPONSE:
        return response_state(seeded.tally)
    return requests[seeded.mailbox, seeded.edition] if seeded.kind is Kind.REQUEST else None


def _message(seeded: Seeded, state: str | None, seeded_at: float) -> dict[str, object]:
    message = seeded.message
    return {
        "mailbox": seeded.mailbox.name,
        "server": seeded.mailbox.server,
        "kind": seeded.kind.value,
        "message_class": message.message_class,
        "subject": message.subject,
        **_meeting(message.meeting),
        "private": message.private,
        "received_for": message.received_for and message.received_for.address,
        "outdated": seeded.outdated,
        "edition": seeded.edition,
        "state": state,
        "why": seeded.why,
        "forbidden": is_forbidden(seeded),
        "received_at": message.received.timestamp(),
        "seeded_at": seeded_at,
        **_actions(seeded.tally),
    }


def _meeting(meeting: Meeting | None) -> dict[str, object]:
    return {
        "uid": meeting and meeting.uid,
        "sequence": meeting and meeting.sequence,
        "recurrence_id": meeting and meeting.recurrence_id and date_text(meeting.recurrence_id),
        "counter_proposal": meeting and meeting.counter_proposal,
        "organizer": meeting and meeting.organizer.address,
        "starts_at": meeting and meeting.start.timestamp(),
        "ends_at": over.timestamp() if meeting and (over := over_at(meeting)) else None,
        "recurring": meeting and meeting.rrule is not None,
        "response_requested": meeting and meeting.response_requested,
    }


def _actions(tally: Tally) -> dict[str, object]:
    facts: dict[str, object] = {}
    for action in Action:
        occurrence = tally.of(action)
        facts[action.value] = occurrence.count if occurrence else 0
        facts[f"{action.value}_first"] = occurrence.first if occurrence else None
        facts[f"{action.value}_last"] = occurrence.last if occurrence else None
    return facts


def _arranged(attendance: Attendance) -> dict[str, object]:
    return {
        "uid": attendance.uid,
        "organizer": attendance.organizer.name,
        "organizer_address": attendance.organizer.owner.address,
        "server": attendance.organizer.server,
        "sequence": attendance.sequence,
        "recurrence_id": attendance.recurrence_id and date_text(attendance.recurrence_id),
        "attendees": [
            {
                "name": attendee.name,
                "address": attendee.address,
                "status": STATUS_NAMES[attendee.status],
                "changed_at": attendee.changed_at,
            }
            for attendee in attendance.attendees.values()
        ],
        "responses_arrived": len(attendance.responses),
        "responses_opened": opened(attendance.responses),
        "responses_entered": entered(attendance.responses),
    }
