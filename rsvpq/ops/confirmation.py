"""Confirm live runs, withdraw the confirmation, and explain why a request would have no effect."""

from datetime import UTC, datetime

from rsvpq.audit.record import operator
from rsvpq.ops.context import InvalidRequest, LedgerContext, OperatorContext
from rsvpq.settings.revision import settings_digest
from rsvpq.wiring.in_force import in_force
from rsvpq.wiring.revisions import reports


def terms(context: OperatorContext) -> str:
    """Return what is to be confirmed: the caps of live runs.

    :raises InvalidRequest: ``mode`` is ``observe`` in the settings.
    """
    if context.settings.mode == "observe":
        raise InvalidRequest('mode = "observe": nothing would be answered; set mode = "respond" first')
    policy = context.settings.policy
    caps = f"{policy.most_answers_per_scan} per mailbox and scan, {policy.most_answers_per_run} per run"
    return f"at most {caps}; answers cannot be recalled"


def confirm(context: OperatorContext, reason: str = "") -> str:
    """Let live runs begin.

    :returns: a sentence for the operator; a confirmation that is in force stays as it is.
    :raises InvalidRequest: ``mode`` is ``observe`` in the settings.
    """
    terms(context)
    if already := confirmed(context):
        return already
    words = f"{context.who or operator()} at {datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    context.lanes.controls.confirm(words, action=context.action("confirm", "all", "", why=reason))
    return f"confirmed by {words}"


def confirmed(context: OperatorContext) -> str:
    """Say by whom and when live runs were confirmed; '' if they were not."""
    if context.settings.policy.confirmed:
        return "confirmed already, by policy.confirmed = true in the settings"
    words = context.lanes.controls.confirmed()
    return f"confirmed already, by {words}" if words else ""


def withdraw(context: OperatorContext, reason: str = "") -> str:
    """Withdraw the confirmation, so that rsvpq only observes; return a sentence for the operator."""
    context.lanes.controls.confirm("", action=context.action("withdraw", "all", "", why=reason))
    return "withdrawn: within seconds nothing new is started; what was started is finished"


def unused(context: LedgerContext) -> str:
    """Return a warning if no process has used this Redis yet, so that nobody acts on a request; else ''."""
    if context.lanes.controls.configured():
        return ""
    redis = context.redis
    where = f"{redis.place}, namespace {redis.namespace}"
    return f"no dispatcher or worker has started yet with {where}: if yours are running, they use another Redis"


def observing(context: OperatorContext) -> str:
    """Return why rsvpq only observes; '' if live runs are on."""
    silent = in_force(context.settings, context.lanes).silent
    if not silent:
        return ""
    if context.settings.mode == "observe":
        return 'mode = "observe" here, so nothing of this is done until it is "respond" and confirmed'
    if "config apply" in silent:
        return 'the workers run with mode = "observe", so nothing of this is done before: rsvpq config apply'
    return "live runs are not confirmed here, so nothing of this is done yet: see 'rsvpq confirm --help'"


def remarks(context: OperatorContext) -> str:
    """Return both :func:`observing` and :func:`unapplied`, '' if there is nothing to say."""
    return "; ".join(filter(None, (observing(context), unapplied(context))))


def unapplied(context: OperatorContext) -> str:
    """Return a note if the workers run with other settings than these: they decide by theirs; else ''."""
    digest = settings_digest(context.settings)
    others = [one.name for one in reports(context.lanes) if one.works and one.revision.settings != digest]
    if not others:
        return ""
    what = f"decided by the settings that {', '.join(others)} {'runs' if len(others) == 1 else 'run'} with"
    return f"{what}, which are not those of the file: rsvpq config apply"
