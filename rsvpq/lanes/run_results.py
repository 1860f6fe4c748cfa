"""What the mailboxes of a run tell whoever has asked: a Redis stream from the tasks of a run to one command.

For runs that only look (dry runs, explanations). The stream ``{NAMESPACE}:findings:RUN`` has an entry for the
mailboxes that were offered, then entries for what was found in each, and one for its end. It is bounded, and goes an
hour after the last entry, whether somebody has read it or not.

A mailbox that is tried again tells everything again, under another token: a reader takes what belongs to the first end
that it sees, and nothing else.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any
from uuid import uuid4

from rsvpq.lanes import Lanes

#: How long a stream is kept after its last entry, in seconds.
KEPT_S = 3600
#: About the most entries of a stream; the largest installations write two or three for each of ten thousand mailboxes.
MOST_ENTRIES = 50_000
#: Findings per entry, and mailboxes per entry of what was offered.
_BATCH = 100
#: How long one question for new entries waits, in milliseconds: shorter than the client's patience with a reply.
_BLOCK_MS = 1000
_PAGE = 200

Found = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Forecast:
    """What would be done with one message of a mailbox; all are texts.

    ``answer`` is what would be sent (accept, tentative, decline), and '' where nothing would be. ``held`` says what
    holds it back in this run: ``cap``, or the state in which the ledger already has it. ``needs`` are the facts that
    were not looked at, so that the decision is preliminary. Times are as the server writes them.
    """

    mailbox: str
    kind: str
    decision: str
    rule: str
    reason: str
    answer: str = ""
    held: str = ""
    needs: str = ""
    organizer: str = ""
    start: str = ""
    received: str = ""
    subject: str = ""
    uid: str = ""
    item: str = ""

    def to_dict(self) -> dict[str, str]:
        """A JSON-ready copy."""
        return asdict(self)

    @classmethod
    def from_dict(cls, told: Found) -> "Forecast":
        """Rebuild from :meth:`to_dict`'s dict; what another version has put in beside is left out."""
        return cls(**{column.name: told[column.name] for column in fields(cls) if column.name in told})


@dataclass(frozen=True, slots=True)
class Offered:
    """What became of the offers to some mailboxes: ``offered``, ``scanning`` or ``full``, by name."""

    answers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Triggered:
    """All offers are made; ``problem`` says why none could be."""

    problem: str = ""


@dataclass(frozen=True, slots=True)
class Ended:
    """A mailbox has told everything. ``missing`` findings have been dropped from the stream before they were read."""

    mailbox: str
    found: Sequence[Found]
    counts: Mapping[str, int] = field(default_factory=dict)
    missing: int = 0


@dataclass(frozen=True, slots=True)
class Findings:
    """The findings of one run."""

    lanes: Lanes
    run: str

    @property
    def key(self) -> str:
        """The stream."""
        return f"{self.lanes.prefix}:findings:{self.run}"

    def offered(self, answers: Mapping[str, str]) -> None:
        """Tell what became of the offers, and that there will be no more."""
        told = list(answers.items())
        for first in range(0, len(told), _BATCH):
            self._add("offered", "", "", dict(told[first : first + _BATCH]))
        self._add("triggered", "", "", "")

    def refused(self, problem: str) -> None:
        """Tell why nothing was offered."""
        self._add("triggered", "", "", problem)

    def report(self, mailbox: str, found: Sequence[Found], counts: Mapping[str, int]) -> None:
        """Tell all that was found in a mailbox, and that it is all."""
        token = uuid4().hex
        for first in range(0, len(found), _BATCH):
            self._add("found", mailbox, token, list(found[first : first + _BATCH]))
        self._add("end", mailbox, token, {"rows": len(found), "counts": dict(counts)})

    def _add(self, event: str, mailbox: str, token: str, body: Any) -> None:
        text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
        with self.lanes.redis.pipeline() as pipe:
            entry = {"event": event, "mailbox": mailbox, "token": token, "body": text}
            pipe.xadd(self.key, entry, maxlen=MOST_ENTRIES, approximate=True)
            pipe.expire(self.key, KEPT_S)
            pipe.execute()

    def follow(self) -> Iterator[Offered | Triggered | Ended | None]:
        """What the run tells, from its beginning on and without end; None where there is a pause."""
        after, reading = "0-0", _Reading()
        while True:
            answer = self.lanes.redis.xread({self.key: after}, count=_PAGE, block=_BLOCK_MS)
            page = answer[0][1] if answer else []
            for entry_id, entry in page:
                after = entry_id
                told = reading.take(entry)
                if told is not None:
                    yield told
            if len(page) < _PAGE:
                yield None


class _Reading:
    """Puts together what a mailbox has told in several entries."""

    def __init__(self) -> None:
        self._parts: dict[tuple[str, str], list[Found]] = {}
        self._ended: set[str] = set()

    def take(self, entry: Mapping[str, str]) -> Offered | Triggered | Ended | None:
        mailbox, body = entry["mailbox"], json.loads(entry["body"])
        match entry["event"]:
            case "offered":
                return Offered(body)
            case "triggered":
                return Triggered(body)
            case "found" if mailbox not in self._ended:
                self._parts.setdefault((mailbox, entry["token"]), []).extend(body)
            case "end" if mailbox not in self._ended:
                self._ended.add(mailbox)
                found = self._parts.pop((mailbox, entry["token"]), [])
                return Ended(mailbox, found, body["counts"], missing=body["rows"] - len(found))
        return None
