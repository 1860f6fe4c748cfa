"""One namespace in Redis: client, keys, clock and scripts. Every key of the ledger is built here."""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from threading import local
from typing import TYPE_CHECKING, Any

from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, ResponseError

from rsvpq.lanes.reading import batched, values_of
from rsvpq.lanes.scripts import script_texts

if TYPE_CHECKING:
    from redis.commands.core import Script

#: Scripts whose first run after a start of Redis is counted: data that they rely on may be lost.
_COUNTING = frozenset({"start", "record"})

#: Mailboxes per call of read_fields.lua, which blocks Redis for about 8 us for each.
_READ_AT_ONCE = 500

#: Items per round trip.
_ITEMS_AT_ONCE = 500

#: Milliseconds within which replicas must confirm a write that has to be replicated.
_REPLICATED_MS = 1000


class NotReplicated(RedisConnectionError):
    """The primary has written it, but too few replicas confirm that they have it as well."""


def prefix_of(name: str) -> str:
    """Return the prefix of every key of a namespace; in braces, so that all its keys share one cluster slot."""
    return "{" + name + "}"


class Namespace:
    """The keys of one installation in one Redis; docs/lanes.md describes them.

    :param redis: a client with ``decode_responses=True`` and with ``encoding_errors`` set to
        :data:`rsvpq.lanes.reading.LENIENT`.
    :param name: its name, see :func:`prefix_of`.
    :param now_us: a clock for tests, in microseconds; by default the clock of Redis is used.
    """

    def __init__(self, redis: Redis, name: str = "rsvpq", *, now_us: Callable[[], int] | None = None) -> None:
        # redis-py types every reply as bytes | str, whatever decode_responses says.
        self.redis: Any = redis
        self.prefix = prefix_of(name)
        self._now_us = now_us
        self._threads = local()
        # Each namespace has its own script digests, so each detects by itself that Redis was restarted and lost them.
        texts = {script: f"{text}\n-- of {self.prefix}\n" for script, text in script_texts().items()}
        self._scripts: dict[str, Script] = {script: redis.register_script(text) for script, text in texts.items()}
        #: The key of the general settings and the pause of all lanes, a hash.
        self.general = self.key("cfg")
        #: The key of the names of all groups about which the ledger knows something, a set.
        self.groups = self.key("groups")
        #: The key of the names of all servers, a set.
        self.servers = self.key("servers")
        #: The key of the names of all mailboxes to which a scan was ever offered, a set.
        self.mailboxes = self.key("mailboxes")
        #: The key of the dead items, a sorted set by the time of their end.
        self.dead = self.key("dead")
        #: The key of the records that were found broken, a hash.
        self.broken = self.key("broken")

    def key(self, *names: str) -> str:
        """Return the key under these names, such as ``{rsvpq}:item:ID`` for ``item`` and an id."""
        return ":".join((self.prefix, *names))

    def item(self, item_id: str) -> str:
        """Return the key of an item, a hash."""
        return self.key("item", item_id)

    def lane(self, mailbox: str) -> str:
        """Return the key of the items that wait in a lane, a list."""
        return self.key("lane", mailbox)

    def mailbox(self, name: str) -> str:
        """Return the key of a mailbox, a hash."""
        return self.key("mailbox", name)

    def server(self, name: str) -> str:
        """Return the key of a server, a hash."""
        return self.key("server", name)

    def group(self, name: str) -> str:
        """Return the key of a group of mailboxes, a hash."""
        return self.key("group", name)

    def unfinished(self, server: str) -> str:
        """Return the key of a server's unfinished messages, a sorted set by the time of their offer."""
        return self.key("unfinished", server)

    def counts(self, server: str = "") -> str:
        """Return the key of the counts of a server, or of all servers together, a hash."""
        return self.key("counts", server) if server else self.key("counts")

    def time_us(self) -> int:
        """Return the time by the clock of the ledger, in microseconds."""
        if self._now_us:
            return self._now_us()
        seconds, microseconds = self.redis.time()
        return int(seconds) * 1_000_000 + int(microseconds)

    def call(self, name: str, *args: Any, pipe: Any = None) -> Any:
        """Run a script now, on a connection of this thread only, so that threads do not wait for the lock of a pool.

        :param pipe: a pipeline to put the script into instead.
        """
        script, now = self._scripts[name], self._now_us() if self._now_us else 0
        if pipe is not None:
            return script(keys=[self.prefix], args=[now, *args], client=pipe)
        if getattr(self._threads, "pid", 0) != os.getpid():  # a forked process must not use its parent's connection
            self._threads.pid, self._threads.client = os.getpid(), self.redis.client()
        try:
            return self._threads.client.execute_command("EVALSHA", script.sha, 1, self.prefix, now, *args)
        except NoScriptError:
            self._load(name)
            return script(keys=[self.prefix], args=[now, *args])

    def call_replicated(self, name: str, *args: Any, replicas: int) -> Any:
        """Run a script as :meth:`call` does, and return when so many replicas have what it has written.

        Both are sent on one connection, and repeated together: a new connection would have nothing to wait for.

        :raises NotReplicated: they do not confirm that in time; the primary has written it.
        """
        script, now = self._scripts[name], self._now_us() if self._now_us else 0
        with self.redis.pipeline(transaction=False) as pipe:
            pipe.execute_command("EVALSHA", script.sha, 1, self.prefix, now, *args)
            pipe.execute_command("WAIT", replicas, _REPLICATED_MS)
            reply, confirmed = pipe.execute(raise_on_error=False)
        if isinstance(reply, NoScriptError):
            self._load(name)
            return self.call_replicated(name, *args, replicas=replicas)
        for error in (reply, confirmed):
            if isinstance(error, Exception):
                raise error
        if confirmed < replicas:
            within_s = _REPLICATED_MS / 1000
            raise NotReplicated(f"{confirmed} of {replicas} replicas confirm the write within {within_s:g} s")
        return reply

    def mailbox_fields(self, names: Sequence[str], fields: Sequence[str]) -> Iterator[tuple[str, Sequence[str | None]]]:
        """Yield each of these mailboxes with these fields of it; None for those that it has not."""
        for batch in batched(names, _READ_AT_ONCE):
            rows = json.loads(self.call("read_fields", len(fields), *fields, *batch))
            for name, row in zip(batch, rows, strict=True):
                yield name, [value or None for value in row] or (None,) * len(fields)

    def item_ids(self, key: str) -> Sequence[str]:
        """Return the ids in a sorted set of items, the lowest score first; none if the key has another type."""
        with self.redis.pipeline(transaction=False) as pipe:
            pipe.zrange(key, 0, -1)
            [ids] = values_of(pipe, [()])
        return list(ids)

    def item_fields(self, ids: Sequence[str], fields: Sequence[str]) -> Iterator[tuple[str, Sequence[str | None]]]:
        """Yield each of these items with these fields of it; None for those that it has not."""
        for batch in batched(ids, _ITEMS_AT_ONCE):
            with self.redis.pipeline(transaction=False) as pipe:
                for item_id in batch:
                    pipe.hmget(self.item(item_id), fields)
                replies = values_of(pipe, ((None,) * len(fields),) * len(batch))
            yield from zip(batch, replies, strict=True)

    def _load(self, name: str) -> None:
        """Load a script that Redis does not know; that may be a sign of a restart."""
        if name in _COUNTING:
            self._count_start()
        self.redis.script_load(self._scripts[name].script)

    def _count_start(self) -> None:
        """Count a restart of Redis, once: it may have lost its latest data, or all of it."""
        start = self._scripts["start"]
        if not self.redis.script_exists(start.sha)[0]:
            # If the count is lost, continue with a number that no mailbox can have stored before.
            self.redis.hsetnx(self.general, "start", self.time_us())
            try:
                self.redis.hincrby(self.general, "start", 1)
            except ResponseError:  # not a number, or the largest one
                self.redis.hset(self.general, "start", self.time_us())
            self.redis.script_load(start.script)
