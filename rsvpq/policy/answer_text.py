"""The text of an answer: what the rule that decided says, or the policy, with the reason in words for the organizer.

The reason names only what the organizer knows anyway, and whether the calendar is free. Which addresses, subjects or
groups a rule is about is nobody else's business.
"""

from collections.abc import Mapping
from datetime import timedelta
from string import Formatter

from rsvpq.mail.messages import Verdict
from rsvpq.policy.decision import Action
from rsvpq.policy.rules import Policy, Rule, Value

#: The most characters of a text in the settings: it is in each journal of an answer that was begun.
LONGEST_ANSWER = 1000
#: What a text may contain in braces.
PLACEHOLDERS = ("decision", "mailbox", "reason")

_DONE: Mapping[Verdict, str] = {
    Verdict.ACCEPT: "accepted",
    Verdict.TENTATIVE: "tentatively accepted",
    Verdict.DECLINE: "declined",
}
#: By condition and value, or by condition, to be formatted with the value.
_REASONS: Mapping[tuple[str, Value] | str, str] = {
    "starts_within": "it starts within {}",
    "starts_after": "it starts more than {} from now",
    "longer_than": "it takes longer than {}",
    "shorter_than": "it takes less than {}",
    "attendees_more_than": "more than {} people are invited",
    "attendees_fewer_than": "fewer than {} people are invited",
    ("all_day", True): "it is an all-day meeting",
    ("all_day", False): "it is not an all-day meeting",
    ("recurring", True): "it is a series, or one of a series",
    ("recurring", False): "it is a single meeting",
    ("conflict", True): "something else is in the calendar at that time",
    ("conflict", False): "the calendar is free at that time",
    ("update", ("time-moved",)): "its time has changed",
    ("update", ("details-only",)): "its time has not changed",
}
_NO_REASON = "the rules of this mailbox say so"
_UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))


def answer_text(policy: Policy, action: Action, name: str, mailbox: str) -> str:
    """Return the text of an answer; '' if the message is not answered, or there is no text.

    :param name: of the rule that decided; '' if none did.
    """
    if action.verdict is None:
        return ""
    rule = next((rule for rule in policy.rules if rule.name == name), None)
    template = policy.answer_text if rule is None or rule.answer_text is None else rule.answer_text
    if not template:  # which is usual, and this is asked of each message of each scan
        return ""
    return template.format(decision=_DONE[action.verdict], mailbox=mailbox, reason=reason_in_words(rule))


def reason_in_words(rule: Rule | None) -> str:
    """Return why a rule matched, as a clause that follows "because"."""
    found = [_reason(name, value) for name, value in rule.conditions.items()] if rule else []
    return " and ".join(filter(None, found)) or _NO_REASON


def _reason(name: str, value: Value) -> str:
    if name == "conflict" and isinstance(value, tuple):
        if "none" in value and len(value) > 1:
            return ""
        value = "none" not in value
    words = _REASONS.get((name, value)) or _REASONS.get(name, "")
    return words.format(_length(value) if isinstance(value, timedelta) else value)


def _length(length: timedelta) -> str:
    rest, parts = int(length.total_seconds()), []
    for unit, seconds in _UNITS:
        count, rest = divmod(rest, seconds)
        if count:
            parts.append(f"{count} {unit}{'' if count == 1 else 's'}")
    return " ".join(parts) or "0 seconds"


def check_placeholders(template: str) -> None:
    """Check that a text can be formatted.

    :raises ValueError: it has a brace without its counterpart, or others than :data:`PLACEHOLDERS` in braces.
    """
    try:
        parts = list(Formatter().parse(template))
    except ValueError:
        raise ValueError("has a single { or }; write it twice, as {{ or }}") from None
    for _, name, form, conversion in parts:
        if name is not None and name not in PLACEHOLDERS:
            known = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
            raise ValueError(f"has {{{name}}}, which is not a placeholder; write one of {known}, or {{{{ for a brace")
        if form or conversion:
            raise ValueError(f"has {{{name}}}, which is written with more than its name; write {{{name}}}")
