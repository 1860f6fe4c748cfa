"""Confirm that live runs may begin, withdraw that, and say why what is asked for would come to nothing."""

from datetime import UTC, datetime

from rsvpq import wiring
from rsvpq.audit.record import operator
from rsvpq.ops.context import InvalidRequest, OperatorContext


def terms(context: OperatorContext) -> str:
    """What is confirmed: the caps of live runs.

    :raises InvalidRequest: the settings only observe.
    """
    if context.settings.mode == "observe":
        raise InvalidRequest('mode = "observe": nothing would be answered; set mode = "respond" first')
    policy = context.settings.policy
    caps = f"{policy.most_answers_per_scan} per mailbox and scan, {policy.most_answers_per_run} per run"
    return f"at most {caps}; answers cannot be taken back"


def confirm(context: OperatorContext, reason: str = "") -> str:
    """Let live runs begin.

    :returns: a sentence for the operator. :raises InvalidRequest: as :func:`terms`.
    """
    terms(context)
    words = f"{context.who or operator()} at {datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    context.lanes.controls.confirm(words, action=context.action("confirm", "all", "", why=reason))
    return f"confirmed by {words}"


def withdraw(context: OperatorContext, reason: str = "") -> str:
    """Only observe again. Returns as :func:`confirm`."""
    context.lanes.controls.confirm("", action=context.action("withdraw", "all", "", why=reason))
    return "withdrawn: within seconds nothing new is begun; what was begun is finished"


def unused(context: OperatorContext) -> str:
    """Why nobody hears of what is done in this Redis; '' where a process has started that uses it."""
    if context.lanes.controls.configured():
        return ""
    redis = context.settings.redis
    where = f"{redis.url}, namespace {redis.namespace}"
    return f"neither a dispatcher nor a worker has started yet with {where}: if yours run, they use another Redis"


def observing(context: OperatorContext) -> str:
    """Why nothing of it would be done as things are; '' where live runs are on."""
    if context.settings.mode == "observe":
        return 'mode = "observe" here, so nothing of this is done until it is "respond" and confirmed'
    if wiring.PolicyInForce(context.settings, context.lanes)().mode == "observe":
        return "live runs are not confirmed here, so nothing of this is done yet: see 'rsvpq confirm --help'"
    return ""
