"""Search everything of an installation that can be read from outside its secret files for secrets."""

import json
import re
import socket
import threading
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus
from urllib.request import Request, urlopen

from testbed.processes import WAIT_S
from testbed.queue_server import QueueServer
from testbed.stack import Stack

_BASE64 = re.compile(r"(?:[A-Za-z0-9+/]{4}){6,}(?:[A-Za-z0-9+/]{2,3})?")

Evidence = Mapping[str, str]


def forms_of(secret: str, users: Sequence[str] = ()) -> dict[str, str]:
    """Return the forms that a secret is written in, by name."""
    octets = secret.encode()
    return {
        "plain": secret,
        "quoted": quote(secret, safe=""),
        "quoted as a form": quote_plus(secret),
        "quoted as a path": quote(secret),
        "in JSON": json.dumps(secret)[1:-1],
        "in Python": repr(secret)[1:-1],
        "in Python's bytes": repr(octets)[2:-1],
        "in base64": b64encode(octets).decode().rstrip("="),
        **{f"of {user} in base64": b64encode(f"{user}:{secret}".encode()).decode().rstrip("=") for user in users},
    }


def leaks(evidence: Evidence, secrets: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Return where which secret is, and in which form; ``secrets`` are forms by the name of the secret."""
    return [
        f"{place}: {name} {form}"
        for place, text in evidence.items()
        for shown in (text, unpacked(text))
        for name, forms in secrets.items()
        for form, needle in forms.items()
        if needle in shown
    ]


def unpacked(text: str) -> str:
    """Return the decoded base64 in a text, such as the bodies of Celery's messages."""
    return "\n".join(b64decode(found + "==").decode("utf-8", "replace") for found in _BASE64.findall(text))


def of_redis(client: Any) -> str:
    """Return every key and value."""
    return "\n".join(f"{key!s} {_value(client, key)}" for key in client.scan_iter(count=1000))


def _value(client: Any, key: str) -> Any:
    kind = client.type(key)
    kind = kind.decode() if isinstance(kind, bytes) else kind
    match kind:
        case "string":
            return client.get(key)
        case "hash":
            return client.hgetall(key)
        case "list":
            return client.lrange(key, 0, -1)
        case "set":
            return client.smembers(key)
        case "zset":
            return client.zrange(key, 0, -1, withscores=True)
        case "stream":
            return client.xrange(key)
    raise AssertionError(kind)


@contextmanager
def everything_said_to(server: QueueServer) -> Iterator[list[str]]:
    """Collect every command sent to Redis, including messages, events and results that are not stored."""
    said: list[str] = []
    ending = threading.Event()
    with socket.create_connection(("127.0.0.1", server.port)) as connection, connection.makefile("rb") as lines:
        connection.sendall(f"AUTH {server.password}\r\nMONITOR\r\n".encode())

        def listen() -> None:
            try:
                said.extend(line.decode("utf-8", "replace") for line in lines)
            except ConnectionResetError:  # by what the server still had to say when we hung up
                if not ending.is_set():
                    raise

        listener = threading.Thread(target=listen)
        listener.start()
        try:
            yield said
        finally:
            ending.set()
            connection.shutdown(socket.SHUT_RDWR)
            listener.join()


def of_processes(stack: Stack) -> Iterator[tuple[str, str]]:
    """Return command line and environment of every process of the stack; of the simulator only the command line."""
    for name, part in stack.parts.items():
        for process in _group(part.pid):
            yield f"argv of {name}", (process / "cmdline").read_text(errors="replace")
            if name != "simulator":
                yield f"environ of {name}", (process / "environ").read_text(errors="replace")


def _group(leader: int) -> list[Path]:
    """Return the processes of a process group."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            fields = (process / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended meanwhile
        if int(fields[2]) == leader:
            found.append(process)
    return found


def of_files(directory: Path) -> Iterator[tuple[str, str]]:
    """Return every file that others than its owner may read."""
    for path in sorted(directory.rglob("*")):
        if path.is_file() and path.stat().st_mode & 0o077:
            yield f"file {path.name}", path.read_bytes().decode("utf-8", "replace")


def of_flower(stack: Stack) -> Iterator[tuple[str, str]]:
    """Return Flower's pages and API responses, including those of all workers and tasks."""
    workers = json.loads(_page(stack, "/api/workers?refresh=true"))
    tasks = json.loads(_page(stack, "/api/tasks?limit=1000"))
    paths = ["/workers", "/tasks", "/broker", "/api/workers", "/api/workers?refresh=true", "/api/tasks?limit=1000"]
    paths += ["/api/task/types", "/api/queues/length", "/metrics", "/workers?json=1"]
    paths += [f"/worker/{quote(name)}" for name in workers] + [f"/task/{task}" for task in tasks]
    paths += [f"/api/task/info/{task}" for task in tasks]
    for path in paths:
        yield f"Flower's {path}", _page(stack, path)


def _page(stack: Stack, path: str) -> str:
    request = Request(stack.flower_url + path)  # noqa: S310 - loopback http
    login = b64encode(f"{stack.flower_user}:{stack.secrets['flower']}".encode()).decode()
    request.add_header("Authorization", f"Basic {login}")
    with urlopen(request, timeout=WAIT_S) as answer:  # noqa: S310 - loopback http
        text: str = answer.read().decode("utf-8", "replace")
        return text
