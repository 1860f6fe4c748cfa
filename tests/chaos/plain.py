"""The baseline: the same job done by plain Celery tasks, as an installation that the same faults can meet."""

import json
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from celery import Celery

from testbed.processes import Part
from testbed.simulated_exchange import SimulatedExchange, account_file
from testbed.stack import Plan, Stack

_TASKS = "tests.chaos.plain_tasks"
#: After so many seconds a mailbox was scanned again; whoever injects faults triggers scans more often.
_SCAN_WITHIN_S = 15


class PlainStack(Stack):
    """Workers of :mod:`tests.chaos.plain_tasks`: an :class:`~tests.chaos.installation.Installation`.

    It is started, killed and restarted as rsvpq is, on the same world, so that nothing but the tasks differs.

    What it does as well as plain Celery on Redis can: late acknowledgment with a visibility timeout that is as short
    as the longest run allows, and a look for what is overdue in every second; retries with backoff, many enough for
    every fault that passes; publishing that outlasts a restart of Redis; requests.Session, folders that are asked for;
    and steps that can be repeated, because a 404 is taken for the work of an earlier delivery. A message that Celery
    lost is enqueued again by the first scan after its seen key has ended, if it is still in the Inbox. Early
    acknowledgment is not compared: it loses every message that a killed worker held.

    What it cannot do: keep a pace or a concurrency of a mailbox or a server (the promise of the plan is told to the
    oracle all the same); leave a server alone that asks for it; tell an answer that was sent from one that was never
    drafted (both are 404); finish a message that was accepted and then lost by the queue, since no scan finds it; keep
    to one answer where accepted requests stay in the Inbox; find a draft of another name; count the deaths of a
    message that kills its worker. It answers requests only, and does not open responses.

    :param plan: the world, the workers and their threads, as for rsvpq; its dispatchers, its Flower and its settings do
        not concern it.
    :param visibility_timeout_s: after this time a delivery without an acknowledgment is made again.
    :param seen_s: for how long no scan enqueues a message again. A day or more is usual, and makes a message that
        Celery lost late by as much; so in a run that ends earlier it counts as lost.
    """

    def __init__(
        self, directory: Path, plan: Plan, *, visibility_timeout_s: int = 10, seen_s: int = 60, max_retries: int = 30
    ) -> None:
        super().__init__(directory, replace(plan, persist=True, dispatchers=0))
        self.answerers: Sequence[str] = [f"answer-{number}" for number in range(plan.answer_workers)]
        self.dispatchers: Sequence[str] = ()
        self._config_path = directory / "plain.json"
        self._options = {"visibility_timeout_s": visibility_timeout_s, "seen_s": seen_s, "max_retries": max_retries}

    @property
    def environment(self) -> dict[str, str]:
        """What a worker needs to belong to this installation."""
        return {"PLAIN_CONFIG": str(self._config_path), "PYTHONUNBUFFERED": "1", **self.plan.environment}

    def end(self) -> None:
        """End every part."""
        if hasattr(self, "_sender"):
            self._sender.close()
            self._redis.close()
        super().end()

    def trigger(self) -> None:
        """Enqueue one scan of all mailboxes.

        :raises kombu.exceptions.OperationalError: the queue server is away.
        """
        self._sender.send_task("plain.scan_all", queue="scan", retry=False)

    def unfinished(self) -> int:
        """How many tasks wait or run, or how many messages were enqueued and have not ended, whichever is more.

        The second sees what Celery has lost, for as long as a scan may yet find it again.
        """
        client = self._redis
        tasks: int = client.llen("scan") + client.llen("answer") + client.hlen("unacked")
        since = time.time() - self._options["seen_s"] - _SCAN_WITHIN_S
        enqueued: int = client.zcount("plain:open", since, "+inf")
        return max(tasks, enqueued)

    def absorbed(self) -> Mapping[str, int]:
        """Deliveries that were made again."""
        return self._counts("plain:absorbed")

    def given_up(self) -> Mapping[str, int]:
        """Messages whose retries were used up, by the last error."""
        return self._counts("plain:given-up")

    def half_answers(self) -> Collection[str]:
        """None: nothing looks for them."""
        return ()

    def _counts(self, key: str) -> dict[str, int]:
        return {label: int(count) for label, count in self._redis.hgetall(key).items()}

    def _start(self) -> None:
        self._start_queue_server()
        self._redis: Any = self.queue_server.client()
        url = self.queue_server.url.replace("//", f"//:{self.secrets['redis']}@")
        self._sender = Celery("trigger", broker=url, set_as_current=False)
        self.exchange = SimulatedExchange(self.directory, self.plan.world, self.secrets["exchange"], forks=self._forks)
        self.parts["simulator"] = self.exchange.part
        account_file(self.directory, self._config_path.name, json.dumps(self._tasks_config(url)))
        self.exchange.promise(self._promise())
        self.start_worker("scan", _TASKS, self.plan.scan_threads)
        for name in self.answerers:
            self.start_worker(name, _TASKS, self.plan.answer_threads)
        for name in ("scan", *self.answerers):
            self.parts[name].wait_for(partial(_is_ready, self.parts[name]), f"the worker {name} is ready")

    def _tasks_config(self, redis_url: str) -> dict[str, Any]:
        return {
            "redis_url": redis_url,
            "servers": self.exchange.urls,
            "username": self.exchange.username,
            "password": self.secrets["exchange"],
            "mailboxes": [(box["mailbox"], box["server"]) for box in self.exchange.ask("mailboxes")],
            **self._options,
        }


def _is_ready(worker: Part) -> bool:
    return " ready." in worker.tail(100)
