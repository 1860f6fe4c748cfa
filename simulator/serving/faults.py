"""Faults of a server: at which step, which kind, how often.

The dice are the seed's and are thrown in the order in which requests arrive, so the same requests in the same order
meet the same faults.  What a fault does to an answer is `simulator.serving.fault_effects`.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Any


class FaultError(ValueError):
    """It does not say a fault."""


class Step(StrEnum):
    """The step of a client that a request belongs to."""

    ANY = "any"
    PROPFIND = "propfind"
    SEARCH = "search"
    PROPPATCH = "proppatch"
    ACCEPT = "accept"
    OPEN = "open"
    SUBMIT = "submit"
    MOVE = "move"
    DELETE = "delete"
    GET = "get"
    LOGIN = "login"
    GETFOLDER = "getfolder"
    FINDITEM = "finditem"
    GETITEM = "getitem"
    CREATEITEM = "createitem"
    UPDATEITEM = "updateitem"
    MOVEITEM = "moveitem"
    DELETEITEM = "deleteitem"
    SYNCFOLDERITEMS = "syncfolderitems"
    RESOLVENAMES = "resolvenames"


class FaultKind(StrEnum):
    """The kind of a fault.

    Those up to FOLDERS_RENAMED happen before any effect, those up to WRONG_TYPE after it, or in the answer; the others
    are errors of Exchange Web Services.
    """

    BUSY = "503"
    BUSY_FOR_A_WHILE = "503-retry-after"
    TOO_MANY = "429"
    ERROR_BEFORE = "500-before"
    RESET_BEFORE = "reset-before"
    HANG = "hang"
    UNAUTHENTICATED = "401"
    LOGIN_TIMEOUT = "440"
    LOGIN_PAGE = "login-page"
    LOGIN_REDIRECT = "login-redirect"
    TAKEN_AWAY = "taken-away"
    ANSWERED_BY_HAND = "answered-by-hand"
    READ_BY_HAND = "read-by-hand"
    FOLDERS_RENAMED = "folders-renamed"
    ERROR_AFTER = "500-after"
    RESET_AFTER = "reset-after"
    LOST_REPLY = "lost-reply"
    HANG_AFTER = "hang-after"
    SLOW = "slow"
    DRIP = "drip"
    TRUNCATE = "truncate"
    GARBAGE = "garbage"
    EMPTY = "empty"
    ENDLESS = "endless"
    WRONG_TYPE = "wrong-type"
    SERVER_BUSY = "server-busy"
    ERROR_CODE = "error-code"
    IMPERSONATION_DENIED = "impersonation-denied"
    HALF_DONE = "half-done"
    TIMEOUT_AFTER = "timeout-after"
    ERROR_PAGE = "error-page"
    ERROR_PAGE_AFTER = "error-page-after"


#: What somebody else does right before the request is looked at: it strikes only where there is something to do it to.
BY_OTHERS = frozenset(
    {FaultKind.TAKEN_AWAY, FaultKind.ANSWERED_BY_HAND, FaultKind.READ_BY_HAND, FaultKind.FOLDERS_RENAMED}
)
#: What only Exchange Web Services can say or do.
OF_EWS = frozenset(
    {
        FaultKind.SERVER_BUSY,
        FaultKind.ERROR_CODE,
        FaultKind.IMPERSONATION_DENIED,
        FaultKind.HALF_DONE,
        FaultKind.TIMEOUT_AFTER,
        FaultKind.ERROR_PAGE,
        FaultKind.ERROR_PAGE_AFTER,
    }
)
#: Milliseconds of those that take time, or ask the client to wait, where the fault does not say; a hang ends when the
#: client gives up.
_DEFAULT_MS = {
    FaultKind.BUSY_FOR_A_WHILE: 30_000,
    FaultKind.TOO_MANY: 30_000,
    FaultKind.SERVER_BUSY: 30_000,
    FaultKind.SLOW: 1000,
    FaultKind.DRIP: 60_000,
    FaultKind.HANG: 120_000,
    FaultKind.HANG_AFTER: 120_000,
}
_NOT_EVERYWHERE = BY_OTHERS | OF_EWS
#: The longest that any may last, in milliseconds.
_MOST_MS = 600_000


@dataclass(slots=True)
class Fault:
    """One rule, and how often it struck."""

    step: Step
    kind: FaultKind
    rate: float = 1.0
    #: How often it strikes at most; None for no end.
    times: int | None = None
    #: How many requests that it could strike it lets pass first.
    after: int = 0
    ms: int = 0
    mailbox: str | None = None
    server: int | None = None
    seen: int = 0
    injected: int = 0

    def concerns(self, step: Step | None, mailbox: str | None, server: int) -> bool:
        """Return whether the rule applies to such a request."""
        return (
            self.step in {Step.ANY, step}
            and self.server in {None, server}
            and (self.mailbox is None or (mailbox is not None and mailbox.casefold() == self.mailbox.casefold()))
        )

    def strikes(self, dice: Random) -> bool:
        """Return whether the rule hits a request that it applies to."""
        self.seen += 1
        if self.seen <= self.after or (self.times is not None and self.injected >= self.times):
            return False
        if self.rate < 1 and dice.random() >= self.rate:
            return False
        self.injected += 1
        return True

    def as_json(self) -> dict[str, object]:
        """Return the rule as given, and how often it was applied."""
        return {
            "step": self.step.value,
            "kind": self.kind.value,
            "rate": self.rate,
            "times": self.times,
            "after": self.after,
            "ms": self.ms,
            "mailbox": self.mailbox,
            "server": self.server,
            "injected": self.injected,
        }


class Faults:
    """The rules in force, and what was injected since the start."""

    def __init__(self, seed: int, rules: Iterable[Fault] = ()) -> None:
        self._seed = seed
        self.rules: list[Fault] = []
        self.injected: Counter[str] = Counter()
        self.replace(rules)

    def replace(self, rules: Iterable[Fault]) -> None:
        """Let these rules be in force and no others; the dice begin again."""
        self.rules = list(rules)
        self._dice = Random(f"{self._seed}/faults")  # noqa: S311 - the faults must be the same every time

    def strike(self, step: Step | None, mailbox: str | None, server: int, possible: Set[FaultKind]) -> Fault | None:
        """Return the first rule that hits this request; of what is not possible everywhere, only what is here."""
        for rule in self.rules:
            if rule.kind in _NOT_EVERYWHERE and rule.kind not in possible:
                continue
            if rule.concerns(step, mailbox, server) and rule.strikes(self._dice):
                self.injected[rule.kind.value] += 1
                return rule
        return None


def parse_option(text: str) -> Fault:
    """Parse `STEP:KIND[:RATE[:TIMES]]` of the command line."""
    parts = text.split(":")
    if not 2 <= len(parts) <= 4:  # noqa: PLR2004 - as the spelling above says
        raise FaultError(f"expected STEP:KIND[:RATE[:TIMES]], found {text!r}")
    given: dict[str, object] = {"step": parts[0], "kind": parts[1]}
    try:
        if parts[2:]:
            given["rate"] = float(parts[2])
        if parts[3:]:
            given["times"] = int(parts[3])
    except ValueError:
        raise FaultError(f"rate and times of {text!r} are numbers") from None
    return _fault(given, None)


def parse_faults(document: object, servers: int) -> list[Fault]:
    """Parse faults from JSON; unknown fields are refused, because a misspelled fault would pass every test."""
    if not isinstance(document, list):
        raise FaultError("expected a list of faults")
    return [_fault(entry, servers) for entry in document]


_FIELDS = {"step", "kind", "rate", "times", "after", "ms", "mailbox", "server"}


def _fault(given: object, servers: int | None) -> Fault:
    if not isinstance(given, dict):
        raise FaultError(f"expected an object, found {given!r}")
    # What `GET` shows can be sent back as it is.
    if unknown := given.keys() - _FIELDS - {"injected"}:
        raise FaultError(f"unknown fields: {', '.join(sorted(map(str, unknown)))}")
    kind = _member(FaultKind, given, "kind")
    return Fault(
        step=_member(Step, given, "step"),
        kind=kind,
        rate=_rate(given.get("rate", 1)),
        times=_whole(given, "times", None),
        after=_whole(given, "after", 0) or 0,
        ms=_whole(given, "ms", None, _MOST_MS) or _DEFAULT_MS.get(kind, 0),
        mailbox=_mailbox(given.get("mailbox")),
        server=_whole(given, "server", None, None if servers is None else servers - 1),
    )


def _member(kind: type[Any], given: Mapping[str, Any], name: str) -> Any:
    try:
        return kind(given.get(name))
    except ValueError:
        allowed = ", ".join(member.value for member in kind)
        raise FaultError(f"{name} is one of {allowed}, not {given.get(name)!r}") from None


def _rate(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise FaultError(f"rate is a number from 0 to 1, not {value!r}")
    return float(value)


def _whole(given: Mapping[str, Any], name: str, default: int | None, most: int | None = None) -> int | None:
    value = given.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or value < 0 or (most is not None and value > most):
        limit = f" up to {most}" if most is not None else ""
        raise FaultError(f"{name} is a whole number{limit}, not {value!r}")
    return value


def _mailbox(value: object) -> str | None:
    if value is not None and not isinstance(value, str):
        raise FaultError(f"mailbox is a name, not {value!r}")
    return value
