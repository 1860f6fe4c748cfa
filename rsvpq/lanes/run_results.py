"""What the mailboxes of a run tell whoever has asked: a Redis stream from the tasks of a run to one command.

For runs that only look (dry runs, explanations). The stream ``{NAMESPACE}:findings:RUN`` has an entry for the
mailboxes that were offered, then entries for what was found in each, and one for its end. It is bounded, and goes an
hour after the last entry, whether somebody has read it or not.

A mailbox that is tried again tells everything again, under another token: a reader takes what belongs to the first end
that it sees, and nothing else.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from rsvpq.lanes import streams
from rsvpq.lanes.batches import batched
from rsvpq.lanes.namespace import Namespace

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
class ScansOffered:
    """What became of the offers to some mailboxes: ``offered``, ``scanning`` or ``full``, by name."""

    answers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Triggered:
    """All offers are made; ``problem`` says why none could be."""

    problem: str = ""


@dataclass(frozen=True, slots=True)
class Ended:
    """A mailbox has reported everything; ``missing`` findings were dropped from the stream before they were read."""

    mailbox: str
    found: Sequence[Found]
    counts: Mapping[str, int] = field(default_factory=dict)
    missing: int = 0


@dataclass(frozen=True, slots=True)
class RunResults:
    """The findings of one run."""

    namespace: Namespace
    run: str

    @property
    def key(self) -> str:
        """The stream."""
        return self.namespace.key("findings", self.run)

    def offered(self, answers: Mapping[str, str]) -> None:
        """Tell what became of the offers, and that there will be no more."""
        for page in batched(list(answers.items()), _BATCH):
            self._add("offered", "", "", dict(page))
        self._add("triggered", "", "", "")

    def refused(self, problem: str) -> None:
        """Tell why nothing was offered."""
        self._add("triggered", "", "", problem)

    def report(self, mailbox: str, found: Sequence[Found], counts: Mapping[str, int]) -> None:
        """Tell all that was found in a mailbox, and that it is all."""
        token = uuid4().hex
        for page in batched(found, _BATCH):
            self._add("found", mailbox, token, list(page))
        self._add("end", mailbox, token, {"rows": len(found), "counts": dict(counts)})

    def _add(self, event: str, mailbox: str, token: str, body: Any) -> None:
        text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
        with self.namespace.redis.pipeline() as pipe:
            entry = {"event": event, "mailbox": mailbox, "token": token, "body": text}
            pipe.xadd(self.key, entry, maxlen=MOST_ENTRIES, approximate=True)
            pipe.expire(self.key, KEPT_S)
            pipe.execute()

    def follow(self) -> Iterator[ScansOffered | Triggered | Ended | None]:
        """What the run tells, from its beginning on and without end; None where there is a pause."""
        reading = _Reading()
        for page in streams.pages_after(self.namespace.redis, self.key, "0-0", most=_PAGE, block_ms=_BLOCK_MS):
            for _, entry in page:
                event = reading.take(entry)
                if event is not None:
                    yield event
            if len(page) < _PAGE:
                yield None


class _Reading:
    """Puts together what a mailbox has reported in several entries."""

    def __init__(self) -> None:
        self._parts: dict[tuple[str, str], list[Found]] = {}
        self._ended: set[str] = set()

    def take(self, entry: Mapping[str, str]) -> ScansOffered | Triggered | Ended | None:
        mailbox, body = entry["mailbox"], json.loads(entry["body"])
        match entry["event"]:
            case "offered":
                return ScansOffered(body)
            case "triggered":
                return Triggered(body)
            case "found" if mailbox not in self._ended:
                self._parts.setdefault((mailbox, entry["token"]), []).extend(body)
            case "end" if mailbox not in self._ended:
                self._ended.add(mailbox)
                found = self._parts.pop((mailbox, entry["token"]), [])
                return Ended(mailbox, found, body["counts"], missing=body["rows"] - len(found))
        return None
