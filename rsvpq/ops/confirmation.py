"""Confirm live runs, of all mailboxes or of one group; withdraw that; explain why a request would have no effect."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime

from rsvpq.audit.record import operator
from rsvpq.lanes import OperatorAction
from rsvpq.mail.messages import Mailbox
from rsvpq.ops.context import InvalidRequest, LedgerContext, OperatorContext
from rsvpq.settings.mailboxes import read_mailboxes, select
from rsvpq.settings.revision import settings_digest
from rsvpq.text import counted
from rsvpq.wiring.in_force import in_force
from rsvpq.wiring.revisions import reports


def terms(context: OperatorContext, group: str = "") -> str:
    """Return what is to be confirmed: the mailboxes that are answered from then on, and the caps of live runs.

    :param group: the group that is to be confirmed; '' for all mailboxes.
    :raises InvalidRequest: ``mode`` is ``observe`` in the settings, or the group is confirmed with all others.
    :raises ConfigError: no mailbox of the list is in the group.
    """
    settings = context.settings
    if settings.mode == "observe":
        raise InvalidRequest('mode = "observe": nothing would be answered; set mode = "respond" first')
    if group:
        _require_single_groups(context, group)
    listed = read_mailboxes(settings.mailboxes, settings)
    chosen = select(listed, group=group) if group else listed
    where = f"in {len(chosen)} of {counted(len(listed), 'mailbox')}"
    found = settings.policy.caps_of(group)
    own = "" if found.per_run_of_group is None else f" ({found.per_run_of_group} of them in the group)"
    caps = f"{found.per_scan} per mailbox and scan, {found.per_run} per run{own}"
    return f"{where}, at most {caps}; answers cannot be recalled"


def unconfirmed_groups(context: OperatorContext) -> dict[str, int]:
    """Return the groups that can be confirmed one by one, each with the number of its mailboxes; none if all are.

    :raises ConfigError: the list cannot be read.
    """
    if confirmed(context):
        return {}
    found = Counter(one.group for one in read_mailboxes(context.settings.mailboxes, context.settings) if one.group)
    return {group: found[group] for group in sorted(found.keys() - context.lanes.controls.confirmed_groups())}


def confirm(context: OperatorContext, reason: str = "", group: str = "") -> str:
    """Let live runs begin: in the mailboxes of a group, or in all.

    Same arguments and errors as :func:`terms`.

    :returns: a sentence for the operator; a confirmation that is in force stays as it is.
    """
    terms(context, group)
    if already := confirmed(context, group):
        return already
    words = f"{context.who or operator()} at {datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    context.lanes.controls.confirm(words, group, action=_action(context, "confirm", group, reason))
    return f"confirmed{_of(group)} by {words}"


def confirmed(context: OperatorContext, group: str = "") -> str:
    """Say by whom and when live runs were confirmed, of a group or of all mailboxes; '' if they were not."""
    if context.settings.policy.confirmed:
        return "confirmed already, by policy.confirmed = true in the settings"
    words = context.lanes.controls.confirmed(group)
    return f"confirmed already{_of(group)}, by {words}" if words else ""


def withdraw(context: OperatorContext, reason: str = "", group: str = "") -> str:
    """Withdraw the confirmation of a group, or all that there are, so that rsvpq only observes there.

    :returns: a sentence for the operator.
    :raises InvalidRequest: it would have no effect, because something else confirms the same.
    :raises ConfigError: the group is not confirmed, and no mailbox of the list is in it.
    """
    if context.settings.policy.confirmed:
        raise InvalidRequest(
            "policy.confirmed = true in the settings: there is nothing to withdraw; set it to false and run "
            "'rsvpq config apply', or use 'rsvpq pause' to stop at once"
        )
    if group:
        _require_single_groups(context, group)
        if group not in context.lanes.controls.confirmed_groups():
            select(read_mailboxes(context.settings.mailboxes, context.settings), group=group)
            raise InvalidRequest(f"the group {group!r} is not confirmed: nothing to withdraw")
    context.lanes.controls.confirm("", group, action=_action(context, "withdraw", group, reason))
    return f"withdrawn{_of(group)}: within seconds nothing new is started; what was started is finished"


def _require_single_groups(context: OperatorContext, group: str) -> None:
    """Raise an error if all mailboxes are confirmed: then the confirmation of one group changes nothing.

    :raises InvalidRequest: they are.
    """
    if context.settings.policy.confirmed:
        raise InvalidRequest(
            "policy.confirmed = true in the settings confirms all mailboxes: set it to false and run 'rsvpq config "
            f"apply' to confirm {group!r} alone"
        )
    if words := context.lanes.controls.confirmed():
        raise InvalidRequest(
            f"all mailboxes are confirmed, by {words}: withdraw that first with 'rsvpq confirm --withdraw', then "
            "confirm single groups"
        )


def _action(context: OperatorContext, what: str, group: str, reason: str) -> OperatorAction:
    return context.action(what, "group" if group else "all", group, why=reason)


def _of(group: str) -> str:
    return f": group {group}" if group else ""


def unused(context: LedgerContext) -> str:
    """Return a warning if no process has used this Redis yet, so that nobody acts on a request; else ''."""
    if context.lanes.controls.configured():
        return ""
    redis = context.redis
    where = f"{redis.place}, namespace {redis.namespace}"
    return f"no dispatcher or worker has started yet with {where}: if yours are running, they use another Redis"


def observing(context: OperatorContext, chosen: Iterable[Mailbox]) -> str:
    """Return why rsvpq only observes in some or all of the chosen mailboxes; '' if live runs are on in each."""
    silent = in_force(context.settings, context.lanes).silent
    if silent and context.settings.mode == "observe":
        return 'mode = "observe" here, so nothing of this is done until it is "respond" and confirmed'
    if "config apply" in silent:
        return 'the workers run with mode = "observe", so nothing of this is done before: rsvpq config apply'
    where = unconfirmed(context, chosen)
    why = f"live runs are not confirmed {where}, so nothing is done there yet: see 'rsvpq confirm --help'"
    return why if where else ""


def unconfirmed(context: OperatorContext, chosen: Iterable[Mailbox]) -> str:
    """Return in which of the chosen mailboxes nothing is answered, in words; '' if requests are answered in each."""
    look, mailboxes = in_force(context.settings, context.lanes), list(chosen)
    without = sum(not look.answers(mailbox.group) for mailbox in mailboxes)
    if not without:
        return ""
    return "here" if without == len(mailboxes) else f"in the groups of {without} of these {len(mailboxes)} mailboxes"


def remarks(context: OperatorContext, chosen: Iterable[Mailbox]) -> str:
    """Return both :func:`observing` and :func:`unapplied`, '' if there is nothing to say."""
    return "; ".join(filter(None, (observing(context, chosen), unapplied(context))))


def unapplied(context: OperatorContext) -> str:
    """Return a note if the workers run with other settings than these: they decide by theirs; else ''."""
    digest = settings_digest(context.settings)
    others = [one.name for one in reports(context.lanes) if one.works and one.revision.settings != digest]
    if not others:
        return ""
    what = f"decided by the settings that {', '.join(others)} {'runs' if len(others) == 1 else 'run'} with"
    return f"{what}, which are not those of the file: rsvpq config apply"
