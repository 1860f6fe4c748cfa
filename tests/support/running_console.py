"""The operator console in this process, as its program serves it, and a client that logs in."""

import asyncio
import re
import threading
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import scrypt
from pathlib import Path

import requests
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

from rsvpq.console.application import make_application, make_console
from rsvpq.settings import Settings
from rsvpq.settings.logins import ConsoleLogin, ConsoleRole, LoginFile, PasswordHash
from testbed.processes import WAIT_S

PASSWORDS = {"anna": "operates the console", "vera": "only views the console"}
_XSRF = re.compile(r'name="_xsrf" value="([^"]+)"')


def cheap_login(name: str, role: ConsoleRole, password: str) -> ConsoleLogin:
    """Return a login whose hash costs next to nothing; its line says so."""
    salt = b"0123456789abcdef"
    digest = scrypt(password.encode(), salt=salt, n=2, r=1, p=1, dklen=32)
    parts = (b64encode(part).decode() for part in (salt, digest))
    return ConsoleLogin(name, role, PasswordHash.parse("scrypt$1$1$1$" + "$".join(parts)))


def write_logins(file: Path) -> Path:
    """Write the file of the logins: anna is an operator, vera a viewer."""
    logins = [cheap_login("anna", "operator", PASSWORDS["anna"]), cheap_login("vera", "viewer", PASSWORDS["vera"])]
    file.write_text("".join(f"{login}\n" for login in logins))
    file.chmod(0o600)
    return file


@dataclass
class ConsoleClient:
    """A client with cookies and no scripts."""

    url: str
    http: requests.Session

    def get(self, path: str) -> requests.Response:
        """Get a page."""
        return self.http.get(self.url + path, timeout=WAIT_S)

    def post(self, path: str, data: Mapping[str, str]) -> requests.Response:
        """Send the form of a page, as a browser does: with its token, and following to where it leads."""
        token = _XSRF.search(self.get(path).text)
        fields = {**data, **({"_xsrf": token[1]} if token else {})}
        return self.http.post(self.url + path, data=fields, timeout=WAIT_S)

    def log_in(self, name: str, password: str = "") -> requests.Response:
        """Log in by the form."""
        return self.post("/login", {"name": name, "password": password or PASSWORDS[name]})


@contextmanager
def client_of(url: str, name: str = "") -> Iterator[ConsoleClient]:
    """Provide a client, logged in under the name if there is one."""
    with requests.Session() as http:
        http.trust_env = False  # authorities of the environment would take precedence over those of a test
        client = ConsoleClient(url, http)
        if name:
            client.log_in(name)
        yield client


@contextmanager
def running_console(settings: Settings, logins: Path) -> Iterator[str]:
    """Serve the console on a free port in a thread of its own, and provide its URL."""
    console = make_console(settings, LoginFile(logins))
    for reading in (*console.readings.short, *console.readings.periods.values()):
        reading.fresh_s = 0.0  # tests change the ledger beside the console, and look at once
    [socket] = bind_sockets(0, "127.0.0.1")
    loop, begun = asyncio.new_event_loop(), threading.Event()

    async def serve() -> None:
        server = HTTPServer(make_application(console))
        server.add_sockets([socket])
        begun.set()
        await ended.wait()
        server.stop()
        await server.close_all_connections()

    ended = asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        assert begun.wait(WAIT_S)
        yield f"http://127.0.0.1:{socket.getsockname()[1]}"
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join(WAIT_S)
        loop.close()
        console.close()
