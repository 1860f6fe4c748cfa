"""The tasks ``ops.*``: the operations of the command line, for Flower's HTTP API and any Celery client.

They only call :mod:`rsvpq.ops`. Their results are JSON and are kept for an hour. They have a queue and a worker of
their own, so that a pause never waits behind scans.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import wraps
from typing import Any

from celery import Task

from producer.app import app, lanes, parts
from rsvpq.lanes import Scope
from rsvpq.ops import InvalidRequest, OperatorContext, control, dead, look, open_context
from rsvpq.ops import mailboxes as health
from rsvpq.ops.context import require_count
from rsvpq.settings import ConfigError, Duration
from rsvpq.tasks import contract
from rsvpq.wiring.coverage import read_coverage
from rsvpq.wiring.in_force import in_force


def _operation(name: str) -> Callable[[Callable[..., Any]], Task[Any, Any]]:
    """Register a task that keeps its result; an invalid request ends it with an error of one line."""

    def register(operation: Callable[..., Any]) -> Task[Any, Any]:
        @wraps(operation)
        def run(*args: Any, **kwargs: Any) -> Any:
            try:
                return operation(*args, **kwargs)
            except ConfigError as error:
                raise InvalidRequest(str(error)) from None

        task: Task[Any, Any] = app.task(name=name, ignore_result=False, throws=(InvalidRequest,), bind=True)(run)
        return task

    return register


def _context(task: Task[Any, Any], who: str) -> OperatorContext:
    """Open the context of the caller: known is only the name that it gives, and that it used the queue."""
    caller = f"{who} by Flower/Celery" if who else "Flower/Celery"
    return open_context(parts.now.settings, lanes, who=caller, token=str(task.request.id))


@_operation(contract.OPS_STATUS)
def status(_: Task[Any, Any]) -> dict[str, Any]:
    """Return the state of the lanes, as ``rsvpq status --json`` does."""
    now = parts.now
    covered = read_coverage(now.settings, lanes, now.mailboxes.by_name(), now.mailboxes.problem)
    force = {**in_force(now.settings, lanes, now.mailboxes).to_dict(), "coverage": covered.to_dict()}
    return {"in_force": force, **lanes.snapshot.status(now.mailboxes.names()).to_dict()}


@_operation(contract.OPS_PAUSE)
def pause(self: Task[Any, Any], scope: Scope, name: str = "", reason: str = "", who: str = "", lasts: str = "") -> str:
    """Pause all, a server, a group or a mailbox; ``lasts`` is for how long, such as ``2h``; '': until a resume."""
    try:
        for_s = Duration.parse(lasts).seconds if lasts else None
    except ValueError as error:
        raise InvalidRequest(f"lasts: {error}") from None
    return control.pause(_context(self, who), scope, name, reason, for_s=for_s)


@_operation(contract.OPS_RESUME)
def resume(self: Task[Any, Any], scope: Scope, name: str = "", reason: str = "", who: str = "") -> str:
    """Undo a pause of the same scope."""
    return control.resume(_context(self, who), scope, name, reason)


@_operation(contract.OPS_LIMIT)
def limit(
    self: Task[Any, Any], scope: control.LimitedScope, name: str, reason: str = "", who: str = "", **limits: Any
) -> str:
    """Set ``rate``, ``burst``, ``concurrency`` of a server or a mailbox, or ``reset`` them; without any, show them."""
    unknown = sorted(set(limits) - {"rate", "burst", "concurrency", "reset"})
    if unknown:
        raise InvalidRequest(f"unknown limit {', '.join(unknown)}: use rate, burst, concurrency or reset")
    context = _context(self, who)
    if not limits:
        return control.limits(context, scope, name)
    return control.limit(context, scope, name, control.GivenLimits(**limits), reason)


@_operation(contract.OPS_DEAD_LIST)
def dead_list(
    self: Task[Any, Any], server: str = "", mailbox: str = "", reason: str = "", like: str = "", most: int = 50
) -> dict[str, Any]:
    """List dead items, the newest first, as ``rsvpq dead list --json`` does."""
    return dead.list_document(_context(self, ""), dead.Which(server, mailbox, reason, like), most)


@_operation(contract.OPS_DEAD_SUMMARY)
def dead_summary(
    self: Task[Any, Any], server: str = "", mailbox: str = "", reason: str = "", like: str = "", most: int = 50
) -> dict[str, Any]:
    """Group dead items by server and reason, the largest group first, as ``rsvpq dead summary --json`` does."""
    return dead.summary_document(_context(self, ""), dead.Which(server, mailbox, reason, like), most)


@_operation(contract.OPS_DEAD_SHOW)
def dead_show(self: Task[Any, Any], item: str) -> dict[str, Any]:
    """Return everything about one dead item."""
    return dead.show(_context(self, ""), item)


@_operation(contract.OPS_DEAD_RETRY)
def dead_retry(
    self: Task[Any, Any], items: Sequence[str] = (), why: str = "", who: str = "", **all_with: str
) -> dict[str, Any]:
    """Retry dead ``items``, or all with this ``server``, ``mailbox``, ``reason`` and ``like``; '' matches any."""
    return dead.retry(_context(self, who), *_which(items, all_with), why)


@_operation(contract.OPS_DEAD_DROP)
def dead_drop(
    self: Task[Any, Any], items: Sequence[str] = (), why: str = "", who: str = "", **all_with: str
) -> dict[str, Any]:
    """Drop dead ``items``, or all with this ``server``, ``mailbox``, ``reason`` and ``like``; '' matches any."""
    return dead.drop(_context(self, who), *_which(items, all_with), why)


@_operation(contract.OPS_MAILBOX)
def mailbox(self: Task[Any, Any], name: str) -> dict[str, Any]:
    """Return the lane of one mailbox."""
    return look.mailbox(_context(self, ""), name)


@_operation(contract.OPS_MAILBOXES)
def mailboxes(
    self: Task[Any, Any], server: str = "", group: str = "", state: str = "", older_than: str = "", most: int = 500
) -> dict[str, Any]:
    """Return the totals, and at most ``most`` of the mailboxes that are not well."""
    require_count("most", most)
    try:
        older_than_s = Duration.parse(older_than).seconds if older_than else None
    except ValueError as error:
        raise InvalidRequest(f"older_than: {error}") from None
    choice = health.MailboxChoice(server, group, state, older_than_s=older_than_s)
    found = health.examine_mailboxes(_context(self, ""), choice)
    return replace(found, rows=found.rows[:most]).to_dict()


@_operation(contract.OPS_TOP)
def top(_: Task[Any, Any], most: int = 20) -> dict[str, Any]:
    """Return the deepest lanes, as ``rsvpq mailboxes top --json`` does."""
    return {"lanes": look.top(lanes, most)}


def _which(items: Sequence[str], all_with: dict[str, str]) -> tuple[list[str], dead.Which | None]:
    """Return the ids of the items, or a filter for them.

    :raises InvalidRequest: unknown filter.
    """
    if isinstance(items, str):
        items = [items]
    unknown = sorted(set(all_with) - {"server", "mailbox", "reason", "like"})
    if unknown:
        raise InvalidRequest(f"unknown filter {', '.join(unknown)}: use server, mailbox, reason and like")
    return list(items), dead.Which(**all_with) if all_with else None
