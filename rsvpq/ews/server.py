"""Exchange Web Services as an application behind HTTP: its probe, and what a server is known to understand."""

from collections.abc import Mapping
from http import HTTPStatus
from threading import Lock
from typing import Any, Literal
from urllib.parse import urlsplit

from cachetools import TTLCache

from rsvpq.ews import envelope
from rsvpq.http.application import Application, Probe
from rsvpq.http.auth import Basic, ConnectionAuth
from rsvpq.http.message import Target
from rsvpq.http.server import Server

#: Where EWS is unless the settings say otherwise.
USUAL_PATH = "/EWS/Exchange.asmx"
#: How many names of the directory one process remembers, and for how many seconds.
_NAMES_KEPT, _NAMES_TTL_S = 10_000, 3600

Schema = Literal["detect", "2007", "2010"]
_VERSIONS: Mapping[Schema, str] = {"detect": "", "2010": envelope.SCHEMAS[0], "2007": envelope.SCHEMAS[-1]}


class EwsServer(Server):
    """A server with Exchange 2007 SP1 or later, and the account used on it.

    :param url: of EWS, such as ``https://server.example.com/EWS/Exchange.asmx``; the path may be left out.
    :param schema: the Exchange whose schema is requested; "detect" to learn from a read what the server understands.
    """

    application = Application(
        # IIS authenticates before the application runs, so an error of the application is one of an accepted account.
        probe=Probe(
            "POST",
            envelope.XML,
            envelope.probe(),
            one_path=True,
            passed=frozenset({HTTPStatus.INTERNAL_SERVER_ERROR}),
        ),
        # The front end of Exchange 2013 and later writes into the first one where each mailbox is that a connection is
        # used for, and it grows with each. Calls without a state need neither of them.
        dropped_cookies=frozenset({"x-backendcookie", "exchangecookie"}),
    )

    def __init__(self, url: str, auth: Basic | ConnectionAuth, schema: Schema = "detect", **options: Any) -> None:
        parts = urlsplit(url)
        path = parts.path if parts.path.strip("/") else USUAL_PATH
        super().__init__(f"{parts.scheme}://{parts.netloc}{path.rpartition('/')[0]}/", auth, **options)
        #: The one path to which everything is sent.
        self.path = Target(path)
        #: The version of the schema that the server understands; '' until a read has shown it.
        self.schema = _VERSIONS[schema]
        self._names: TTLCache[str, str] = TTLCache(_NAMES_KEPT, _NAMES_TTL_S)
        self._lock = Lock()

    def known_name(self, name: str) -> str | None:
        """Return the SMTP address of a name of the directory, '' if it has none; None if it was not looked up yet."""
        with self._lock:
            return self._names.get(name)

    def keep_name(self, name: str, address: str) -> None:
        """Remember the SMTP address of a name of the directory; '' for none."""
        with self._lock:
            self._names[name] = address
