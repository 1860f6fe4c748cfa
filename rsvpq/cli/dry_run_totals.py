"""Totals of a dry run: counts by decision and reason, and the answers that would be sent."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from rsvpq.ops.forecast import Forecast
from rsvpq.settings.policy import PolicySettings


@dataclass(slots=True)
class Totals:
    """Totals over all mailboxes that have reported.

    :param policy: the policy whose caps apply.
    """

    policy: PolicySettings
    mailboxes: int = 0
    #: Messages by decision and reason (with the name of the rule).
    decided: Counter[tuple[str, str]] = field(default_factory=Counter)
    #: Answers that would be sent, by verdict, without the cap of the run.
    answers: Counter[str] = field(default_factory=Counter)
    #: Requests accepted, declined and so on without an answer, because the organizer asks for no response.
    silent: int = 0
    #: Messages that would not be offered, by cause: ``cap``, or their state in the ledger.
    held: Counter[str] = field(default_factory=Counter)
    #: Preliminary decisions, by the facts that they still need.
    needs: Counter[str] = field(default_factory=Counter)
    #: Requests that would be offered, by the group of their mailbox.
    requests: Counter[str] = field(default_factory=Counter)
    #: Sums of what each mailbox counted: found, requests, unreadable, reconcile:orphans.
    counts: Counter[str] = field(default_factory=Counter)
    #: Why a mailbox has no complete result, by name.
    problems: dict[str, str] = field(default_factory=dict)
    #: Why nothing of this would be done now; '' if it would.
    note: str = ""

    def add(self, rows: Iterable[Forecast], counts: Mapping[str, int], group: str = "") -> None:
        """Add the forecasts and counts of one mailbox in a group; '' for one without."""
        self.mailboxes += 1
        self.requests[group] += counts.get("requests", 0)
        self.counts.update(counts)
        for row in rows:
            self.decided[row.decision, why(row)] += 1
            if row.held:
                self.held[row.held] += 1
            elif row.answer:
                self.answers[row.answer] += 1
            elif row.decision in ("accept", "tentative", "decline"):
                self.silent += 1
            if row.needs:
                self.needs[row.needs] += 1

    @property
    def over_the_run(self) -> int:
        """Number of requests beyond the caps of one run."""
        return self.requests.total() - self.most_in_a_run

    @property
    def most_in_a_run(self) -> int:
        """Number of requests that one run would offer, by its cap and by those of groups."""
        within = sum(min(count, self._cap_of(group)) for group, count in self.requests.items())
        return min(within, self.policy.most_answers_per_run)

    def _cap_of(self, group: str) -> int:
        return self.policy.caps_of(group).per_run_of_group or self.policy.most_answers_per_run

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready copy."""
        decided = sorted(self.decided.items())
        return {
            "mailboxes": self.mailboxes,
            "found": self.counts["found"],
            "unreadable": self.counts["unreadable"],
            "decided": [{"decision": what, "reason": reason, "messages": count} for (what, reason), count in decided],
            "answers": dict(self.answers),
            "silent": self.silent,
            "held": dict(self.held),
            "needs": dict(self.needs),
            "over_the_run": self.over_the_run,
        }

    def sentences(self) -> Iterator[str]:
        """Yield sentences: answers first, then what is held back, then all else that is not in the table."""
        yield f"mailboxes: {self.mailboxes}; messages: {self.counts['found']}"
        parts = ", ".join(f"{count} {answer}" for answer, count in sorted(self.answers.items()))
        yield f"answers that would be sent: {self.answers.total()}" + (f" ({parts})" if parts else "")
        yield from self._caps()
        if self.silent:
            yield f"requests processed without an answer, because the organizer asks for no response: {self.silent}"
        for state, count in sorted(self.held.items()):
            if state != "cap":
                yield f"not offered, because they are {state} in the ledger: {count} (for details: 'rsvpq explain')"
        if self.counts["reconcile:orphans"]:
            yield f"unsent answers of an earlier run that would also be sent: {self.counts['reconcile:orphans']}"
        if not_decided := sum(count for (_, reason), count in self.decided.items() if reason == "not-decided"):
            yield f"messages for which the decision failed: {not_decided} (for details: 'rsvpq explain')"
        if self.counts["unreadable"]:
            yield f"messages that could not be read: {self.counts['unreadable']}"

    def _caps(self) -> Iterator[str]:
        policy = self.policy
        if self.over_the_run:
            most = min(self.answers.total(), self.most_in_a_run)
            groups = [group for group, count in sorted(self.requests.items()) if count > self._cap_of(group)]
            caps = "".join(
                f", policy.groups.{group}: {self._cap_of(group)}" for group in groups if group in policy.groups
            )
            per_run = f"policy.most_answers_per_run = {policy.most_answers_per_run}{caps}"
            yield f"  of these in one run: at most {most} ({per_run})"
            yield f"  requests left for later runs: {self.over_the_run}"
        elif self.answers:
            yield f"  of these in one run: all (policy.most_answers_per_run = {policy.most_answers_per_run})"
        if self.held["cap"]:
            own = ", or the cap of a group" if policy.groups else ""
            cap = f"policy.most_answers_per_scan = {policy.most_answers_per_scan}{own}"
            yield f"  requests left for later scans of their mailbox: {self.held['cap']} ({cap})"
        for needs, count in sorted(self.needs.items()):
            facts = " and ".join(f"the {fact.replace('-', ' ')}" for fact in needs.split())
            yield f"  preliminary: a worker first reads {facts}, and may then decide otherwise: {count}"


def why(row: Forecast) -> str:
    """Return the reason under which a forecast is counted, with the name of the rule if one decided."""
    return f"{row.reason}:{row.rule}" if row.rule else row.reason
