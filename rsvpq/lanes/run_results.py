"""The results of a read-only run (a dry run, for instance): a Redis stream from its tasks to one command.

The stream ``{NAMESPACE}:findings:RUN`` has entries with the results of the offers, then for each mailbox entries with
what was found, and one that ends them. Its length is bounded, and it expires an hour after the last entry, read or not.

A mailbox that is tried again reports everything again, under another token: a reader uses only the entries of the first
end that it sees.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from rsvpq.lanes.reading import batched, json_object, pages_after

#: Seconds that a stream is kept after its last entry.
KEPT_S = 3600
#: Approximate limit of entries; large installations write two or three for each of ten thousand mailboxes.
MOST_ENTRIES = 50_000
#: Findings per entry, and offers per entry.
_BATCH = 100
#: Milliseconds that one read waits for new entries: shorter than the client's timeout.
_BLOCK_MS = 1000
_PAGE = 200

Found = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ScansOffered:
    """The results of offers to some mailboxes: ``offered``, ``scanning`` or ``full``, by name."""

    results: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Triggered:
    """All offers were made; or none, because of ``problem``."""

    problem: str = ""


@dataclass(frozen=True, slots=True)
class Ended:
    """The complete report of a mailbox; ``missing`` findings were dropped from the stream before they were read."""

    mailbox: str
    found: Sequence[Found]
    counts: Mapping[str, int] = field(default_factory=dict)
    missing: int = 0


@dataclass(frozen=True, slots=True)
class RunResults:
    """The results of one run; ``key`` is the key of the stream."""

    redis: Any
    key: str

    def give_policies(self, policies: Sequence[Mapping[str, Any]]) -> None:
        """Store the policies that the run compares, for its mailboxes: once, as each may be long."""
        self.redis.set(f"{self.key}:policies", json.dumps(list(policies)), ex=KEPT_S)

    def policies(self) -> list[Any]:
        """Return what :meth:`give_policies` has stored; an empty list once it is gone."""
        found = json_object(f'{{"policies": {self.redis.get(f"{self.key}:policies") or "[]"}}}') or {}
        policies = found.get("policies")
        return policies if isinstance(policies, list) else []

    def offered(self, results: Mapping[str, str]) -> None:
        """Report the results of all offers."""
        for page in batched(list(results.items()), _BATCH):
            self._add("offered", "", "", dict(page))
        self._add("triggered", "", "", "")

    def refused(self, problem: str) -> None:
        """Report why nothing was offered."""
        self._add("triggered", "", "", problem)

    def report(self, mailbox: str, found: Sequence[Found], counts: Mapping[str, int]) -> None:
        """Report everything that was found in a mailbox, and that it is complete."""
        token = uuid4().hex
        for page in batched(found, _BATCH):
            self._add("found", mailbox, token, list(page))
        self._add("end", mailbox, token, {"rows": len(found), "counts": dict(counts)})

    def _add(self, event: str, mailbox: str, token: str, body: Any) -> None:
        text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
        with self.redis.pipeline() as pipe:
            entry = {"event": event, "mailbox": mailbox, "token": token, "body": text}
            pipe.xadd(self.key, entry, maxlen=MOST_ENTRIES, approximate=True)
            pipe.expire(self.key, KEPT_S)
            pipe.execute()

    def follow(self) -> Iterator[ScansOffered | Triggered | Ended | None]:
        """Yield the events of the run, from its beginning and without end; None when nothing comes for a while."""
        parts: dict[tuple[str, str], list[Found]] = {}
        ended: set[str] = set()
        for page in pages_after(self.redis, self.key, "0-0", most=_PAGE, block_ms=_BLOCK_MS):
            for _, entry in page:
                mailbox, body = entry["mailbox"], json.loads(entry["body"])
                match entry["event"]:
                    case "offered":
                        yield ScansOffered(body)
                    case "triggered":
                        yield Triggered(body)
                    case "found" if mailbox not in ended:
                        parts.setdefault((mailbox, entry["token"]), []).extend(body)
                    case "end" if mailbox not in ended:
                        ended.add(mailbox)
                        found = parts.pop((mailbox, entry["token"]), [])
                        yield Ended(mailbox, found, body["counts"], missing=body["rows"] - len(found))
            if len(page) < _PAGE:
                yield None
