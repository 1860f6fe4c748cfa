"""The settings of the policy for requests, responses and cancellations.

``docs/policy.md`` explains them to operators; :mod:`rsvpq.policy` applies them.
"""

from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, BeforeValidator, ValidationInfo, field_validator

from rsvpq.mail.messages import Kind, Sensitivity
from rsvpq.policy import DECISIONS, Action, Policy, Rule
from rsvpq.policy.answer_text import LONGEST_ANSWER, check_placeholders
from rsvpq.policy.case import CONFLICTS, UPDATES
from rsvpq.policy.conditions import CONDITIONS
from rsvpq.policy.rules import GuardSetting, Value
from rsvpq.settings.durations import Duration
from rsvpq.settings.fields import Count, DurationField, Text, blame, matching
from rsvpq.settings.problems import did_you_mean
from rsvpq.settings.table import Table


def _texts(value: object) -> tuple[str, ...]:
    """Return the texts of a list, or a single text as a list of one."""
    given = (value,) if isinstance(value, str) else value
    if not isinstance(given, list | tuple) or not given or not all(isinstance(one, str) for one in given):
        raise ValueError('is neither text nor a list of texts; write "one", or ["one", "another"]')
    for one in given:
        if not one.strip() or not one.isprintable():
            raise ValueError(f"contains {one!r}, which is empty or not printable; write text, or leave it out")
    return tuple(given)


def _comma_list(value: object) -> object:
    """Split a list that an environment variable gives as one comma-separated text."""
    return [part.strip() for part in value.split(",")] if isinstance(value, str) and value else value


def _words_of(known: tuple[str, ...], value: object) -> tuple[str, ...]:
    words = _texts(value)
    for word in words:
        if word not in known:
            raise ValueError(f"{word!r} is not a known value; {did_you_mean(word, known)}")
    return words


def _conflict(value: object) -> bool | tuple[str, ...]:
    if value in ("true", "false"):
        raise ValueError(f"is in quotes; write {value} without them")
    return value if isinstance(value, bool) else _words_of(CONFLICTS, value)


_domain = partial(
    matching, r"[^\s@]*\.[^\s@]+", "{value!r} is not a domain; write what follows the @, such as example.com"
)
_address = partial(matching, r"[^\s@]+@[^\s@]+", "{value!r} is not an address; write boss@example.com or *@example.com")
_rule_name = partial(
    matching,
    r"[a-z0-9][a-z0-9-]*",
    "{value!r} is not a name; use lowercase letters, digits and hyphens, such as long-meetings",
)


def _internal_domains(value: object) -> tuple[str, ...]:
    return () if value in ((), []) else tuple(map(_domain, _texts(_comma_list(value))))


def _answer_text(text: str) -> str:
    check_placeholders(text)
    if len(text) > LONGEST_ANSWER:
        raise ValueError(f"has {len(text)} characters; write at most {LONGEST_ANSWER}")
    if not all(line.isprintable() for line in text.split("\n")):
        raise ValueError("contains a control character; write text and line breaks only")
    return text


_RuleName = Annotated[str, AfterValidator(_rule_name)]
_Texts = Annotated[tuple[str, ...], BeforeValidator(_texts)]
_Domains = Annotated[_Texts, AfterValidator(lambda values: tuple(map(_domain, values)))]
_Addresses = Annotated[_Texts, AfterValidator(lambda values: tuple(map(_address, values)))]
_InternalDomains = Annotated[tuple[str, ...], BeforeValidator(_internal_domains)]
_BusyWords = Annotated[
    tuple[str, ...], BeforeValidator(partial(_words_of, CONFLICTS[1:])), BeforeValidator(_comma_list)
]
_Sensitivities = Annotated[tuple[str, ...], BeforeValidator(partial(_words_of, tuple(Sensitivity)))]
_Updates = Annotated[tuple[str, ...], BeforeValidator(partial(_words_of, UPDATES))]
_AnswerText = Annotated[str, AfterValidator(_answer_text)]
_Conflict = Annotated[bool | tuple[str, ...], BeforeValidator(_conflict)]


class RuleSettings(Table):
    """One rule: its decision applies if all of its conditions hold."""

    name: _RuleName
    # Before `decision` and the conditions, whose validators read it.
    kind: Literal["request", "response", "cancellation"] = "request"
    decision: Literal["accept", "tentative", "decline", "skip", "hold", "open", "process", "keep"]
    answer_text: _AnswerText | None = None
    organizer: _Addresses | None = None
    organizer_domain: _Domains | None = None
    external: bool | None = None
    own_meeting: bool | None = None
    group: _Texts | None = None
    subject: _Texts | None = None
    starts_within: DurationField | None = None
    starts_after: DurationField | None = None
    longer_than: DurationField | None = None
    shorter_than: DurationField | None = None
    all_day: bool | None = None
    recurring: bool | None = None
    private: bool | None = None
    sensitivity: _Sensitivities | None = None
    attendees_more_than: Count | None = None
    attendees_fewer_than: Count | None = None
    delegate_copy: bool | None = None
    response_requested: bool | None = None
    conflict: _Conflict | None = None
    update: _Updates | None = None

    @field_validator("decision")
    @classmethod
    def _fits_the_kind(cls, decision: str, info: ValidationInfo) -> str:
        kind = info.data.get("kind")
        if kind is not None and decision not in DECISIONS[Kind(kind)]:
            words = " or ".join(DECISIONS[Kind(kind)])
            raise ValueError(f"{decision!r} is not a decision for a {kind}; write {words}, or another kind")
        return decision

    @field_validator("answer_text")
    @classmethod
    def _fits_the_decision(cls, text: str | None, info: ValidationInfo) -> str | None:
        decision = info.data.get("decision")
        if text is not None and decision is not None and Action(decision).verdict is None:
            raise ValueError(f"is for answers, and {decision!r} sends none; remove it, or decide otherwise")
        return text

    @field_validator(*CONDITIONS)
    @classmethod
    def _applies_to_the_kind(cls, value: object, info: ValidationInfo) -> object:
        kind, possible = info.data.get("kind"), CONDITIONS[str(info.field_name)].kinds
        if value is not None and kind is not None and kind not in possible:
            raise ValueError(f"does not apply to a {kind}; remove it, or write kind = {' or '.join(possible)}")
        return value

    def as_rule(self) -> Rule:
        """Return the rule in the form that the policy evaluates."""
        given = {name: getattr(self, name) for name in CONDITIONS}
        conditions: dict[str, Value] = {
            name: timedelta(seconds=value.seconds) if isinstance(value, Duration) else value
            for name, value in given.items()
            if value is not None
        }
        return Rule(self.name, Action(self.decision), Kind(self.kind), conditions, self.answer_text)


class GroupCaps(Table):
    """Caps of the mailboxes of one group, beside those of the policy."""

    most_answers_per_scan: Count | None = None
    most_answers_per_run: Count | None = None


class AnswerCaps(NamedTuple):
    """The caps that apply to a mailbox.

    :param per_scan: of one scan of it. :param per_run: of a run, over all mailboxes. :param per_run_of_group: of a run,
        over the mailboxes of its group; None for no cap. :param per_scan_is_of_group: whether the first is the group's.
    """

    per_scan: int
    per_run: int
    per_run_of_group: int | None
    per_scan_is_of_group: bool = False


class PolicySettings(Table):
    """What is answered and how: guards, caps and rules."""

    internal_domains: _InternalDomains = ()
    external: GuardSetting = "skip"
    private: GuardSetting = "skip"
    delegate_copies: GuardSetting = "skip"
    past: GuardSetting = "skip"
    max_age: DurationField = Duration(14 * 86_400)
    no_response_requested: GuardSetting = "rules"
    details_only: Literal["repeat", "rules", "skip"] = "repeat"
    unknown_calendar: Literal["hold", "rules"] = "hold"
    busy_when: _BusyWords = ("busy", "oof")
    cancellations: Literal["keep", "process"] = "keep"
    answer_text: _AnswerText | None = None
    confirmed: bool = False
    most_answers_per_scan: Count = 50
    most_answers_per_run: Count = 500
    groups: Mapping[Text, GroupCaps] = {}
    rules: tuple[RuleSettings, ...] = ()

    def caps_of(self, group: str) -> AnswerCaps:
        """Return the caps of a mailbox in this group; '' for one without."""
        own = self.groups.get(group, GroupCaps())
        per_scan = own.most_answers_per_scan or self.most_answers_per_scan
        is_own = own.most_answers_per_scan is not None
        return AnswerCaps(per_scan, self.most_answers_per_run, own.most_answers_per_run, is_own)

    def caps(self) -> dict[str, int]:
        """Return all caps by their keys below ``policy``; of groups those that are given."""
        caps = {key: getattr(self, key) for key in GroupCaps.key_names()}
        for group, own in self.groups.items():
            given = own.model_dump(exclude_none=True)
            caps |= {f"groups.{group}.{key}": value for key, value in given.items()}
        return caps

    @field_validator("rules")
    @classmethod
    def _require_unique_names(cls, rules: tuple[RuleSettings, ...]) -> tuple[RuleSettings, ...]:
        names = [rule.name for rule in rules]
        for index, name in enumerate(names):
            if name in names[:index]:
                raise blame(f"{name!r} is already the name of an earlier rule; choose another", "rules", index, "name")
        return rules

    def as_policy(self, mode: Literal["observe", "respond"]) -> Policy:
        """Return the policy that these settings describe."""
        return Policy(
            mode=mode,
            rules=tuple(rule.as_rule() for rule in self.rules),
            internal_domains=self.internal_domains,
            external=self.external,
            private=self.private,
            delegate_copies=self.delegate_copies,
            past=self.past,
            max_age=timedelta(seconds=self.max_age.seconds),
            no_response_requested=self.no_response_requested,
            details_only=self.details_only,
            unknown_calendar=self.unknown_calendar,
            busy_when=self.busy_when,
            cancellations=self.cancellations,
            answer_text=self.answer_text or "",
        )
