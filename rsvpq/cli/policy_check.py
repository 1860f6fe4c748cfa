"""Policy checks of ``rsvpq config check``: rules that can never match, and settings that may be unintended."""

from collections.abc import Collection, Iterator, Sequence

from rsvpq.mail.messages import Kind, Mailbox
from rsvpq.mail.persons import comparable_domain
from rsvpq.policy.lint import flaws
from rsvpq.policy.organizer import domain_of
from rsvpq.settings import KeyPath, LoadedSettings, Problem, Settings
from rsvpq.settings.mailboxes import no_such_group


def problems(loaded: LoadedSettings, mailboxes: Sequence[Mailbox]) -> Iterator[Problem]:
    """Yield the flaws of rules and caps that can have no effect."""
    groups = {mailbox.group for mailbox in mailboxes if mailbox.group}
    domains = {comparable_domain(domain_of(mailbox.name)) for mailbox in mailboxes} - {""}
    for name in loaded.settings.policy.groups:
        if name not in groups:
            yield loaded.origins.problem(("policy", "groups", name), no_such_group(name, mailboxes))
    policy = loaded.settings.decisions
    for flaw in flaws(policy, groups, domains):
        key: KeyPath = ("policy", "rules", flaw.index)
        place = (*key, flaw.condition) if flaw.condition else key
        yield loaded.origins.problem(place, f"{policy.rules[flaw.index].name!r} {flaw.text}")


def warnings(loaded: LoadedSettings, mailboxes: Sequence[Mailbox]) -> Iterator[Problem]:
    """Yield settings that are valid, but may not be intended."""
    policy, problem = loaded.settings.policy, loaded.origins.problem
    aliases = [mailbox.name for mailbox in mailboxes if "@" not in mailbox.name]
    if aliases and policy.external == "skip" and not policy.internal_domains:
        others = f" and {len(aliases) - 1} more" if len(aliases) > 1 else ""
        text = f"is empty, so every organizer is external to {aliases[0]}{others}; write your domains"
        yield problem(("policy", "internal_domains"), text)
    if policy.most_answers_per_scan > policy.most_answers_per_run:
        text = (
            f"{policy.most_answers_per_scan} for one mailbox is more than most_answers_per_run "
            f"({policy.most_answers_per_run}) for all; lower the one or raise the other"
        )
        yield problem(("policy", "most_answers_per_scan"), text)
    yield from _unsent_texts(loaded, {mailbox.server for mailbox in mailboxes})
    first_rules: dict[str, int] = {}
    for index, rule in enumerate(policy.rules):
        first_rules.setdefault(rule.kind, index)
    for kind, first in first_rules.items():
        if not any(rule.kind == kind and not rule.as_rule().conditions for rule in policy.rules):
            text = f"a {kind} that no rule matches is left alone; end with a rule that has no conditions"
            yield problem(("policy", "rules", first), text)


def _unsent_texts(loaded: LoadedSettings, servers: Collection[str]) -> Iterator[Problem]:
    """Yield the first text that not all servers with mailboxes send."""
    policy = loaded.settings.policy
    places: list[KeyPath] = [("policy", "answer_text")] if policy.answer_text else []
    places += [("policy", "rules", index, "answer_text") for index, rule in enumerate(policy.rules) if rule.answer_text]
    without = sorted(name for name in servers if not loaded.settings.servers[name].sends_text)
    if places and without:
        text = f"{', '.join(without)} cannot send it: only answers by Exchange Web Services carry a text"
        yield loaded.origins.problem(places[0], f"{text}; nothing to do if that is intended")


def caps(settings: Settings, group: str) -> str:
    """Return the caps that a group has for itself, as the end of a line; '' for none."""
    own = settings.policy.groups.get(group)
    if own is None:
        return ""
    found = settings.policy.caps_of(group)
    per_run = f" and {found.per_run_of_group} per run" if found.per_run_of_group else ""
    return f"; at most {found.per_scan} answers per mailbox and scan{per_run}"


def summary(settings: Settings) -> str:
    """Return a summary of the policy in one line."""
    policy = settings.policy
    rules = {kind: len(settings.decisions.rules_for(kind)) for kind in (Kind.REQUEST, Kind.RESPONSE, Kind.CANCELLATION)}
    counted = (
        ", ".join(f"{count} for {kind}s" for kind, count in rules.items() if count) or "none, the built-in rules apply"
    )
    guards = {
        "external organizers": policy.external,
        "private meetings": policy.private,
        "delegates' copies": policy.delegate_copies,
        "past meetings": policy.past,
    }
    skipped = ", ".join(name for name, setting in guards.items() if setting == "skip")
    return f"rules {counted}; not answered: {skipped + ', ' if skipped else ''}older than {policy.max_age}"
