"""The plain program: the HTTP requests of one answer, made with a session of requests for each thread.

It is configured by environment variables, as a worker is.
"""

import os
import threading
from pathlib import Path

import requests

from benchmarks.recording import Recording, Step
from benchmarks.store import mailbox_name, message_name

ORIGIN, RECORDING, REDIS = "BENCH_ORIGIN", "BENCH_RECORDING", "BENCH_REDIS"
_TIMEOUT_S = 60


class PlainProgram:
    """Answers messages by the steps of a recording."""

    def __init__(self, origin: str, recording: Recording) -> None:
        self._origin = origin
        self._steps = recording.steps
        self._threads = threading.local()

    @classmethod
    def of_environment(cls) -> "PlainProgram":
        """Return the program that the environment describes."""
        return cls(os.environ[ORIGIN], Recording.load(Path(os.environ[RECORDING])))

    def answer(self, mailbox: int, message: int) -> None:
        """Answer one message, by its number in the mailbox of that number.

        :raises requests.RequestException: a request failed.
        """
        names = {
            "{origin}": self._origin,
            "{mailbox}": mailbox_name(mailbox),
            "{message}": message_name(mailbox, message),
        }
        for step in self._steps:
            self._send(step, names)

    def _send(self, step: Step, names: dict[str, str]) -> None:
        # A recording ends with looking for what must be gone, so a 404 is not a failure.
        headers = {name: _filled(value, names) for name, value in step.headers.items()}
        response = self._session().request(
            step.method,
            self._origin + _filled(step.path, names),
            headers=headers,
            data=_filled(step.body, names).encode(),
            timeout=_TIMEOUT_S,
        )
        if response.status_code >= requests.codes.server_error:
            response.raise_for_status()

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._threads, "session", None)
        if session is None:
            session = self._threads.session = requests.Session()
            session.trust_env = False  # as rsvpq has it: it saves an eighth, and has nothing to do with queues
        return session


def _filled(text: str, names: dict[str, str]) -> str:
    for name, value in names.items():
        text = text.replace(name, value)
    return text
