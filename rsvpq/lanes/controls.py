"""Limits, pauses, holds and the confirmation of live runs, set by the settings or by an operator."""

from collections.abc import Mapping
from typing import Any, Literal

from redis.exceptions import ResponseError

from rsvpq.lanes.bounds import ENDLESS
from rsvpq.lanes.breakers import HOLD_FIELDS, holds_in
from rsvpq.lanes.ledger import OperatorAction
from rsvpq.lanes.limits import LIMIT_FIELDS, Limits, Rate, limit_fields
from rsvpq.lanes.namespace import Namespace
from rsvpq.lanes.reading import batched, microseconds, number_of, values_of, whole

Scope = Literal["all", "mailbox", "group", "server"]
#: The pools of workers by name, each with the most items that it may have in flight.
Pools = Mapping[str, int]

#: Mailboxes per round trip to Redis: one pipeline of this many short scripts holds Redis for a few milliseconds.
_MAILBOXES_AT_ONCE = 500


class Controls:
    """The controls of one namespace."""

    def __init__(self, namespace: Namespace) -> None:
        self._namespace = namespace
        #: The scope, the name and the fields of each hash of configured limits, as configure.lua takes them.
        self._limits: list[tuple[str, str, Mapping[str, Any]]] = []

    def configure(  # noqa: PLR0913 - one keyword for each value
        self,
        *,
        servers: Mapping[str, Limits],
        mailbox: Limits,
        pools: Pools,
        release_lease_s: float,
        run_lease_s: float,
        attempts: int,
        server_share: int = 100,
        audit_retention_s: float | None = None,
        audit_most: int | None = None,
    ) -> None:
        """Write the configured limits. Idempotent; limits that an operator set at run time stay in force.

        ``server_share`` is the part of a pool's threads that one server may use, in percent; it is ignored if there is
        only one server. Without ``audit_retention_s`` and ``audit_most`` the audit is not trimmed.
        """
        general: dict[str, Any] = {**limit_fields(mailbox), "attempts": attempts}
        general |= {"release_lease": microseconds(release_lease_s), "run_lease": microseconds(run_lease_s)}
        general["server_share"] = server_share if len(servers) > 1 else 100
        if audit_retention_s is not None:
            general["audit_retention"] = microseconds(audit_retention_s)
        if audit_most is not None:
            general["audit_most"] = audit_most
        self._limits = [
            *(("server", name, limit_fields(limits)) for name, limits in servers.items()),
            ("pools", "", {f"most:{pool}": most for pool, most in pools.items()}),
            ("cfg", "", general),
        ]
        with self._namespace.redis.pipeline(transaction=False) as pipe:
            for scope, name, fields in self._limits:
                self._namespace.call(
                    "configure", scope, name, *(part for pair in fields.items() for part in pair), pipe=pipe
                )
            pipe.execute()

    def configure_mailboxes(self, own: Mapping[str, Limits | None]) -> None:
        """Write the limits of mailboxes with a lane, by name; None where the defaults apply. Scans do so as well."""
        for part in batched(list(own.items()), _MAILBOXES_AT_ONCE):
            with self._namespace.redis.pipeline(transaction=False) as pipe:
                for name, limits in part:
                    fields = limit_fields(limits) if limits else dict.fromkeys(LIMIT_FIELDS, "")
                    self._namespace.call("configure_mailbox", name, *fields.values(), pipe=pipe)
                pipe.execute()

    def configured(self) -> bool:
        """Return whether the limits that this process wrote are still there; without limits nothing is released.

        Without a call of :meth:`configure`, return whether anybody has written limits. A pause is not a limit, and
        neither is a value that is not a number above zero.
        """
        if not self._limits:
            try:
                return 0 < number_of(self._namespace.redis.hget(self._namespace.general, "attempts")) < ENDLESS
            except ResponseError:  # a key of another type
                return False
        with self._namespace.redis.pipeline(transaction=False) as pipe:
            for scope, name, fields in self._limits:
                pipe.hmget(self._namespace.key(scope, name) if name else self._namespace.key(scope), *fields)
            found = pipe.execute(raise_on_error=False)
            for scope, name, _ in self._limits:
                if scope == "server":
                    pipe.sismember(self._namespace.servers, name)
            listed = pipe.execute(raise_on_error=False)
        values = [value for row in found for value in (row if isinstance(row, list) else [None])]
        return all(0 < number_of(value) < ENDLESS for value in values) and all(reply == 1 for reply in listed)

    def pause(
        self,
        scope: Scope,
        name: str = "",
        *,
        reason: str,
        for_s: float | None = None,
        action: OperatorAction | None = None,
    ) -> None:
        """Release and start nothing in this scope, and stop running items before their next effect, until resumed.

        :param for_s: after how many seconds a dispatcher ends the pause; None for never.
        """
        ends = {} if for_s is None else {"paused_for": microseconds(for_s)}
        self._set(scope, name, action, {"paused": reason or "paused", **ends})

    def due_pauses(self) -> list[tuple[Scope, str, str]]:
        """Return the pauses whose time is over: scope, name, and the time at which each was to end."""
        space = self._namespace
        key = space.key("pauses")
        with space.redis.pipeline(transaction=False) as pipe:
            pipe.zrangebyscore(key, "-inf", space.time_us())
            [found] = values_of(pipe, [()])
        scopes: dict[str, Scope] = {"all": "all", "mailbox": "mailbox", "group": "group", "server": "server"}
        due = []
        for member in map(str, found):
            word, _, name = member.partition(" ")
            record = space.general if word == "all" else space.key(word, name)
            with space.redis.pipeline(transaction=False) as pipe:
                pipe.hget(record, "paused_until")
                [until] = values_of(pipe, [None])
            if until and word in scopes:
                due.append((scopes[word], name, str(until)))
            else:  # its record is gone, or the entry is not ours
                space.redis.zrem(key, member)
        return due

    def end_pause(self, scope: Scope, name: str, until: str, *, action: OperatorAction | None = None) -> bool:
        """End a pause of :meth:`due_pauses`; return whether it was still the same one. A hold stays."""
        return bool(self._set(scope, name, action, {"pause_ended": until}))

    def resume(self, scope: Scope, name: str = "", *, action: OperatorAction | None = None) -> None:
        """Undo :meth:`pause` of the same scope, and end the hold of that server or mailbox."""
        self._set(scope, name, action, {"paused": "", "hold": ""} if scope in ("mailbox", "server") else {"paused": ""})

    def rest(self, group: str, window: tuple[int, int] | None) -> None:
        """Start nothing in the mailboxes of a group from one time to another; what has been started is finished.

        :param group: '' for all mailboxes. :param window: both times in microseconds since the epoch; None to rest no
            more. It replaces the one before it.
        """
        first, last = window or ("", "")
        self._set("group" if group else "all", group, None, {"quiet_from": first, "quiet_until": last})

    def rests(self) -> dict[str, tuple[int, int]]:
        """Return when the lanes of groups rest next, as :meth:`rest` has set it; '' for all mailboxes."""
        space, groups = self._namespace, ["", *self.groups()]
        with space.redis.pipeline(transaction=False) as pipe:
            for name in groups:
                pipe.hmget(space.group(name) if name else space.general, "quiet_from", "quiet_until")
            found = values_of(pipe, ((None, None),) * len(groups))
        windows = ((name, tuple(map(whole, times))) for name, times in zip(groups, found, strict=True))
        return {name: (first, last) for name, (first, last) in windows if last}

    def confirm(self, words: str, group: str = "", *, action: OperatorAction | None = None) -> None:
        """Record who confirmed live runs, and when, as a text: of one group of mailboxes, or of all.

        '' withdraws it: that of a group, or without one all that there are, also those of single groups.
        """
        self._set("group" if group else "all", group, action, {"confirmed": words})

    def confirmed(self, group: str = "") -> str:
        """Return the text of :meth:`confirm` that applies to the mailboxes of a group; '' if none does.

        :param group: '' for mailboxes without a group, to which only the confirmation of all applies.
        """
        space = self._namespace
        with space.redis.pipeline(transaction=False) as pipe:
            pipe.hget(space.general, "confirmed")
            if group:
                pipe.hget(space.group(group), "confirmed")
            found = values_of(pipe, (None, None)[: 1 + bool(group)])
        return next(filter(None, map(str, filter(None, found))), "")

    def groups(self) -> list[str]:
        """Return the groups that are paused or confirmed, or that have quiet hours."""
        space = self._namespace
        with space.redis.pipeline(transaction=False) as pipe:
            pipe.smembers(space.groups)
            [names] = values_of(pipe, [()])
        return sorted(map(str, names))

    def confirmed_groups(self) -> dict[str, str]:
        """Return the groups whose live runs are confirmed by themselves, each with the text of :meth:`confirm`."""
        space, groups = self._namespace, self.groups()
        with space.redis.pipeline(transaction=False) as pipe:
            for name in groups:
                pipe.hget(space.group(name), "confirmed")
            found = list(values_of(pipe, (None,) * len(groups)))
        return {name: str(words) for name, words in zip(groups, found, strict=True) if words}

    def log_action(self, action: OperatorAction) -> None:
        """Record an operator action that changes nothing in the lanes."""
        self._set("all", "", action, {})

    def held(self, scope: Literal["mailbox", "server"], name: str) -> tuple[float, str]:
        """Return how many seconds the longest hold still lasts, and why; (0, '') without a hold."""
        fields = self._namespace.redis.hmget(self._namespace.key(scope, name), HOLD_FIELDS)
        holds = holds_in(fields, self._namespace.time_us())
        return max(((hold.left_s, hold.why) for hold in holds), default=(0.0, ""))

    def limit(
        self,
        scope: Literal["mailbox", "server"],
        name: str,
        *,
        rate: Rate | None = None,
        burst: int | None = None,
        concurrency: int | None = None,
        action: OperatorAction | None = None,
    ) -> None:
        """Override the configured limits; None restores the configured value."""
        fields = {
            "live_interval": rate.interval_us if rate else "",
            "live_burst": burst or "",
            "live_concurrency": concurrency or "",
        }
        self._set(scope, name, action, fields)

    def _set(self, scope: Scope, name: str, action: OperatorAction | None, fields: Mapping[str, Any]) -> int:
        recorded = action.to_args() if action else ("",) * 7
        given = (part for pair in fields.items() for part in pair)
        done: int = self._namespace.call("set", scope, name, *recorded, *given)
        return done
