"""The tasks ``ops.*``: the operations of the command line, for Flower's HTTP API and any Celery client.

They only call :mod:`rsvpq.ops`. Their results are JSON and are kept for an hour. They have a queue and a worker of
their own, so that a pause never waits behind scans.
"""

import hashlib
import inspect
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import wraps
from typing import Any
from uuid import uuid4

from celery import Task

from producer.app import app, lanes, parts
from rsvpq.lanes import Scope
from rsvpq.ops import InvalidRequest, OperatorContext, control, dead, look, open_context
from rsvpq.ops import mailboxes as health
from rsvpq.ops.between_attempts import repeated
from rsvpq.ops.context import require_count
from rsvpq.settings import ConfigError, Duration
from rsvpq.tasks import contract
from rsvpq.wiring.coverage import read_coverage
from rsvpq.wiring.in_force import in_force
from rsvpq.wiring.wellness import read_status

#: Arguments that are texts. Counts are checked by :func:`require_count`.
_TEXTS = frozenset(
    {"scope", "name", "reason", "who", "why", "lasts", "rate", "server", "mailbox", "group", "state", "older_than"}
    | {"like", "item"}
)


def _operation(name: str) -> Callable[[Callable[..., Any]], Task[Any, Any]]:
    """Register a task that keeps its result; an invalid request ends it with an error of one line."""

    def register(operation: Callable[..., Any]) -> Task[Any, Any]:
        signature = inspect.signature(operation)

        @wraps(operation)
        def run(*args: Any, **kwargs: Any) -> Any:
            try:
                signature.bind(*args, **kwargs)
            except TypeError as error:
                raise InvalidRequest(f"{name}: {error}") from None
            _, *given = zip(signature.parameters, args, strict=False)  # without the task itself
            _require_kinds(dict(given) | kwargs)
            try:
                return operation(*args, **kwargs)
            except ConfigError as error:
                raise InvalidRequest(str(error)) from None

        task: Task[Any, Any] = app.task(name=name, ignore_result=False, throws=(InvalidRequest,), bind=True)(run)
        return task

    return register


def _require_kinds(arguments: Mapping[str, object]) -> None:
    """Require texts, lists and switches where they belong: what clients send is JSON, and no annotation checks it.

    :raises InvalidRequest: an argument is of another kind.
    """
    for name, value in arguments.items():
        if name == "reset":
            right, kind = isinstance(value, bool), "neither true nor false; write one of them"
        elif name == "items":
            texts = value if isinstance(value, list | tuple) else [value]
            right, kind = all(isinstance(text, str) for text in texts), "not a list of texts; write the ids in quotes"
        else:
            right, kind = name not in _TEXTS or isinstance(value, str), "not a text; write one in quotes"
        if not right:
            raise InvalidRequest(f"{name}: {value!r} is {kind}, or leave it out")


def _context(who: str = "") -> OperatorContext:
    """Open the context of the caller: known is only the name that it gives, and that it used the queue."""
    caller = f"{who} by Flower/Celery" if who else "Flower/Celery"
    return open_context(parts.now.settings, lanes, who=caller)


@contextmanager
def _once(task: Task[Any, Any], who: str) -> Iterator[OperatorContext]:
    """Open the context of the caller for a change that nobody has begun yet.

    The broker may deliver a message again, long after others have undone what it asked for: so a task is carried out at
    most once. One with the same id that asks for something else is another task.

    :raises InvalidRequest: it was begun before.
    """
    request = json.dumps([task.name, task.request.args, task.request.kwargs], sort_keys=True)
    claim = f"{task.request.id}:{hashlib.sha256(request.encode()).hexdigest()[:16]}"
    if not lanes.tasks.claim(claim, uuid4().hex):
        raise InvalidRequest(
            f"not carried out again: the task {task.request.id} was begun before; send another one, under a new id"
        )
    try:
        yield _context(who)
    except (InvalidRequest, ConfigError):  # which are raised before anything is changed
        lanes.tasks.withdraw(claim)
        raise


@_operation(contract.OPS_STATUS)
def status(_: Task[Any, Any]) -> dict[str, Any]:
    """Return the state of the lanes, as ``rsvpq status --json`` does."""
    now = parts.now
    covered = read_coverage(now.settings, lanes, now.mailboxes.by_name(), now.mailboxes.problem)
    force = {**in_force(now.settings, lanes, now.mailboxes).to_dict(), "coverage": covered.to_dict()}
    again = [asdict(one) for one in repeated(lanes)]
    found = read_status(now.settings, lanes, now.mailboxes.names())
    return {"in_force": force, **found.to_dict(), "repeated": again}


@_operation(contract.OPS_PAUSE)
def pause(self: Task[Any, Any], scope: Scope, name: str = "", reason: str = "", who: str = "", lasts: str = "") -> str:
    """Pause all, a server, a group or a mailbox; ``lasts`` is for how long, such as ``2h``; '': until a resume."""
    try:
        for_s = Duration.parse(lasts).seconds if lasts else None
    except ValueError as error:
        raise InvalidRequest(f"lasts: {error}") from None
    with _once(self, who) as context:
        return control.pause(context, scope, name, reason, for_s=for_s)


@_operation(contract.OPS_RESUME)
def resume(self: Task[Any, Any], scope: Scope, name: str = "", reason: str = "", who: str = "") -> str:
    """Undo a pause of the same scope."""
    with _once(self, who) as context:
        return control.resume(context, scope, name, reason)


@_operation(contract.OPS_LIMIT)
def limit(
    self: Task[Any, Any], scope: control.LimitedScope, name: str, reason: str = "", who: str = "", **limits: Any
) -> str:
    """Set ``rate``, ``burst``, ``concurrency`` of a server or a mailbox, or ``reset`` them; without any, show them."""
    unknown = sorted(set(limits) - {"rate", "burst", "concurrency", "reset"})
    if unknown:
        raise InvalidRequest(f"unknown limit {', '.join(unknown)}: use rate, burst, concurrency or reset")
    if not limits:
        return control.limits(_context(who), scope, name)
    with _once(self, who) as context:
        return control.limit(context, scope, name, control.GivenLimits(**limits), reason)


@_operation(contract.OPS_DEAD_LIST)
def dead_list(
    _: Task[Any, Any], server: str = "", mailbox: str = "", reason: str = "", like: str = "", most: int = 50
) -> dict[str, Any]:
    """List dead items, the newest first, as ``rsvpq dead list --json`` does."""
    return dead.list_document(_context(), dead.Which(server, mailbox, reason, like), most)


@_operation(contract.OPS_DEAD_SUMMARY)
def dead_summary(
    _: Task[Any, Any], server: str = "", mailbox: str = "", reason: str = "", like: str = "", most: int = 50
) -> dict[str, Any]:
    """Group dead items by server and reason, the largest group first, as ``rsvpq dead summary --json`` does."""
    return dead.summary_document(_context(), dead.Which(server, mailbox, reason, like), most)


@_operation(contract.OPS_DEAD_SHOW)
def dead_show(_: Task[Any, Any], item: str) -> dict[str, Any]:
    """Return everything about one dead item."""
    return dead.show_item(_context(), item)


@_operation(contract.OPS_DEAD_RETRY)
def dead_retry(
    self: Task[Any, Any], items: Sequence[str] = (), why: str = "", who: str = "", **all_with: str
) -> dict[str, Any]:
    """Retry dead ``items``, or all with this ``server``, ``mailbox``, ``reason`` and ``like``; '' matches any."""
    with _once(self, who) as context:
        return dead.retry(context, *_which(items, all_with), why)


@_operation(contract.OPS_DEAD_DROP)
def dead_drop(
    self: Task[Any, Any], items: Sequence[str] = (), why: str = "", who: str = "", **all_with: str
) -> dict[str, Any]:
    """Drop dead ``items``, or all with this ``server``, ``mailbox``, ``reason`` and ``like``; '' matches any."""
    with _once(self, who) as context:
        return dead.drop(context, *_which(items, all_with), why)


@_operation(contract.OPS_MAILBOX)
def mailbox(_: Task[Any, Any], name: str) -> dict[str, Any]:
    """Return the lane of one mailbox."""
    return look.mailbox(_context(), name)


@_operation(contract.OPS_MAILBOXES)
def mailboxes(
    _: Task[Any, Any], server: str = "", group: str = "", state: str = "", older_than: str = "", most: int = 500
) -> dict[str, Any]:
    """Return the totals, and at most ``most`` of the mailboxes that are not well."""
    require_count("most", most)
    try:
        older_than_s = Duration.parse(older_than).seconds if older_than else None
    except ValueError as error:
        raise InvalidRequest(f"older_than: {error}") from None
    choice = health.MailboxChoice(server, group, state, older_than_s=older_than_s)
    found = health.examine_mailboxes(_context(), choice)
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
