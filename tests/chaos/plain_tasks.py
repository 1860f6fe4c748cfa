"""The same job as a competent Celery user would write it: for ``celery -A tests.chaos.plain_tasks worker``.

The two calls are those of the article of September 2004 (gsexdev.blogspot.com): ``GET request?Cmd=accept``, then MOVE
of the draft, which has the request's name, to the submission URI. Around them is what Celery's own documentation
advises: late acknowledgment, requeueing when a worker is lost, a prefetch of one, automatic retries with backoff,
idempotent steps. See :class:`tests.chaos.plain.PlainStack` for what this can do and what it cannot.
"""

import json
import os
import threading
import time
from collections.abc import Collection, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests
from celery import Celery, Task
from celery.signals import task_failure
from kombu import Queue
from lxml import etree
from redis import Redis

#: What PlainStack wrote: addresses, the account, the mailboxes, two times in seconds, and how many retries.
config: dict[str, Any] = json.loads(Path(os.environ["PLAIN_CONFIG"]).read_text(encoding="utf-8"))

app = Celery("plain", broker=config["redis_url"])
app.conf.update(
    task_queues=[Queue("scan"), Queue("answer")],
    task_routes={"plain.scan_*": {"queue": "scan"}, "plain.answer": {"queue": "answer"}},
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_ignore_result=True,
    task_serializer="json",
    accept_content=["json"],
    worker_prefetch_multiplier=1,
    worker_cancel_long_running_tasks_on_connection_loss=False,
    worker_disable_rate_limits=True,
    # A message is dropped if a retry cannot be published (celery/app/task.py), so publishing is tried for long.
    task_publish_retry_policy={"max_retries": 30, "interval_start": 0, "interval_step": 0.5, "interval_max": 2},
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_channel_error_retry=True,
    broker_transport_options={
        # Longer than the longest countdown (3 s) and the longest run (two requests of 3 s) together.
        "visibility_timeout": config["visibility_timeout_s"],
        "unacked_restore_interval": 1,
        "unacked_restore_throttle": 1,
        # A worker that dies while it restores holds the lock; with the default of 300 s nobody would restore till then.
        "unacked_mutex_expire": 5,
        "max_connections": 200,
        "socket_timeout": 10,
        "socket_connect_timeout": 5,
        "socket_keepalive": True,
        "health_check_interval": 10,
    },
)

_redis: Any = Redis.from_url(config["redis_url"], decode_responses=True)
_local = threading.local()
_TIMEOUTS_S = (1, 2)
_XML = {"Content-Type": "text/xml; charset=utf-8"}
_FOLDERS = (
    b'<?xml version="1.0"?><D:propfind xmlns:D="DAV:" xmlns:m="urn:schemas:httpmail:">'
    b"<D:prop><m:inbox/><m:drafts/><m:sendmsg/></D:prop></D:propfind>"
)
_REQUESTS = (
    b'<?xml version="1.0"?><D:searchrequest xmlns:D="DAV:"><D:sql>'
    b'SELECT "http://schemas.microsoft.com/repl/repl-uid", "urn:schemas:calendar:responserequested" FROM ""'
    b" WHERE \"http://schemas.microsoft.com/exchange/outlookmessageclass\" = 'IPM.Schedule.Meeting.Request'"
    b"</D:sql></D:searchrequest>"
)
_REPL_UID = "{http://schemas.microsoft.com/repl/}repl-uid"
_RESPONSE_REQUESTED = "{urn:schemas:calendar:}responserequested"


class BadStatus(Exception):
    """The server answered something else than what was hoped for; tried again like a broken connection."""


#: Every task; the backoff is short because a test is.
_options: dict[str, Any] = {
    "bind": True,
    "autoretry_for": (requests.RequestException, etree.XMLSyntaxError, BadStatus),
    "max_retries": config["max_retries"],
    "retry_backoff": 1,
    "retry_backoff_max": 3,
}


@app.task(name="plain.scan_all", **_options)
def scan_all(_task: Task[Any, Any]) -> None:
    """Scan every mailbox: one task for each that does not wait for its scan already."""
    for mailbox, server in config["mailboxes"]:
        if _redis.set(f"plain:scan:{mailbox}", 1, nx=True, ex=2 * config["visibility_timeout_s"]):
            scan_mailbox.delay(mailbox, server)


@app.task(name="plain.scan_mailbox", **_options)
def scan_mailbox(_task: Task[Any, Any], mailbox: str, server: int) -> None:
    """Look for meeting requests in one Inbox; one task for each that was not seen lately."""
    root = f"{config['servers'][server]}/exchange/{quote(mailbox)}/"
    ((_, folders),) = _rows(_call("PROPFIND", root, {**_XML, "Depth": "0"}, _FOLDERS))
    inbox, drafts, submission = (folders[f"{{urn:schemas:httpmail:}}{name}"] for name in ("inbox", "drafts", "sendmsg"))
    for href, row in _rows(_call("SEARCH", inbox, _XML, _REQUESTS)):
        message = row[_REPL_UID]
        if _redis.set(f"plain:seen:{message}", 1, nx=True, ex=config["seen_s"]):
            _redis.zadd("plain:open", {message: time.time()})
            draft = f"{drafts}/{href.rsplit('/', 1)[-1]}"
            answer.delay(message, href, draft, submission, row.get(_RESPONSE_REQUESTED) != "0")
    _redis.delete(f"plain:scan:{mailbox}")


@app.task(name="plain.answer", **_options)
def answer(task: Task[Any, Any], message: str, href: str, draft: str, submission: str, wanted: bool) -> None:
    """Accept one request and send the draft of the answer.

    Both steps can be repeated where a request goes when it is accepted and a draft when it is sent: what is no longer
    there was done by an earlier delivery of this message.

    :param wanted: whether the organizer asked for a response; else there is no draft.
    """
    if (task.request.delivery_info or {}).get("redelivered"):
        _redis.hincrby("plain:absorbed", "redelivered", 1)
    accepted = _call("GET", f"{href}?Cmd=accept", known={HTTPStatus.NOT_FOUND}).ok
    if wanted:
        sent = _call("MOVE", draft, {"Destination": submission}, known={HTTPStatus.NOT_FOUND}).ok
        if accepted and not sent:
            raise BadStatus(f"{href} was accepted, and there is no draft {draft}")
    _redis.zrem("plain:open", message)


@task_failure.connect(sender=answer)
def _give_up(args: tuple[Any, ...], exception: BaseException, **_: Any) -> None:
    """A message whose retries are used up; the scan finds it again if it is still in the Inbox when its key ends."""
    _redis.hincrby("plain:given-up", type(exception).__name__, 1)
    _redis.zrem("plain:open", args[0])


def _call(
    method: str,
    url: str,
    headers: dict[str, str] | None = None,
    body: bytes | None = None,
    *,
    known: Collection[int] = (),
) -> requests.Response:
    """One request on this thread's session.

    :raises BadStatus: neither a success nor one of ``known``. :raises requests.RequestException: no answer.
    """
    if not hasattr(_local, "session"):
        _local.session = requests.Session()
        _local.session.auth = (config["username"].encode(), config["password"].encode())
    response: requests.Response = _local.session.request(
        method, url, headers=headers, data=body, timeout=_TIMEOUTS_S, allow_redirects=False
    )
    if response.status_code // 100 != HTTPStatus.OK // 100 and response.status_code not in known:
        raise BadStatus(f"{method} {url} answered {response.status_code}")
    return response


def _rows(response: requests.Response) -> Iterator[tuple[str, dict[str, str]]]:
    """The href and the properties of each part of a multistatus, by name in Clark's notation."""
    root = etree.fromstring(response.content, etree.XMLParser(resolve_entities=False, no_network=True))
    for row in root.iterfind("{DAV:}response"):
        found = (part for part in row.iterfind("{DAV:}propstat") if " 200 " in part.findtext("{DAV:}status", ""))
        properties = {str(each.tag): each.text or "" for part in found for each in part.iterfind("{DAV:}prop/*")}
        yield row.findtext("{DAV:}href", ""), properties
