"""No queue at all: threads with requests and lxml, which send what rsvpq sends and check each code.

The bodies are made once by rsvpq's own builders, so that they ask for the same; ids are put into their text.

``python -m benchmarks.arms.ews_bare FILE THREADS``
"""

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests
from lxml import etree

from benchmarks.arms.ews_work import URL, Request, account, load
from rsvpq.ews import properties
from rsvpq.ews.envelope import SCHEMAS, XML, Envelope, ItemId, Order, get_item, of_meeting, set_page, update_item
from rsvpq.ews.properties import MESSAGES, TYPES
from rsvpq.ews.search import FIND_ROWS
from rsvpq.mail.messages import Verdict

_TIMEOUT_S = 60
_ADDRESS, _ITEM, _KEY, _MEETING = "address@bench.example", "BENCH-ITEM", "BENCH-KEY", "BENCH-MEETING"


class Templates:
    """The four bodies of an answer, in order, with words in place of what differs."""

    def __init__(self) -> None:
        envelope, item = Envelope(_ADDRESS, "impersonation"), ItemId(_ITEM, _KEY)
        order = Order(properties.START_FIELD)
        find = envelope.find_item("calendar", properties.APPOINTMENT_ROW, of_meeting(_MEETING), order)
        set_page(find, 0, FIND_ROWS)
        mark = update_item(item, "MeetingRequest", {properties.INTENT: "accept"}, "NeverOverwrite")
        answer = envelope.respond(item, Verdict.ACCEPT, "", silent=False)
        steps = (get_item([item], properties.REQUEST), find, mark, answer)
        self.texts = [envelope.request(step, SCHEMAS[0]).decode() for step in steps]


class Loop:
    """Answers requests, with a session for each thread."""

    def __init__(self) -> None:
        self._url = os.environ[URL]
        self._account = account()
        self._templates = Templates()
        self._threads = threading.local()

    def answer(self, request: Request) -> None:
        """Answer one request.

        :raises RuntimeError: the server has not done what it was asked for.
        """
        key = request.change_key
        for text in self._templates.texts:
            key = self._send(text, request, key) or key

    def _send(self, text: str, request: Request, key: str) -> str:
        """Send one body; return the ChangeKey that the response shows of the request, '' if it shows none."""
        words = {_ADDRESS: request.address, _ITEM: request.item_id, _KEY: key, _MEETING: request.meeting_id}
        for word, value in words.items():
            text = text.replace(word, value)
        headers = {**XML, "X-AnchorMailbox": request.address}
        response = self._session().post(self._url, data=text.encode(), headers=headers, timeout=_TIMEOUT_S)
        root = etree.fromstring(response.content, etree.XMLParser(resolve_entities=False, no_network=True))
        codes = [one.text for one in root.iter(f"{MESSAGES}ResponseCode")]
        if codes != ["NoError"]:
            raise RuntimeError(f"the server returned {response.status_code}: {codes}")
        shown = (one for one in root.iter(f"{TYPES}ItemId") if one.get("Id") == request.item_id)
        return next((one.get("ChangeKey", "") for one in shown), "")

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._threads, "session", None)
        if session is None:
            session = self._threads.session = requests.Session()
            session.trust_env = False
            session.auth = self._account
        return session


def main(path: Path, threads: int) -> None:
    """Answer everything."""
    loop = Loop()
    with ThreadPoolExecutor(threads) as pool:
        for future in [pool.submit(loop.answer, request) for request in load(path)]:
            future.result()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
