"""Show the progress of a run on stderr: one changing line on a terminal, a line every few seconds in a log."""

import sys
import time
from datetime import timedelta
from types import TracebackType
from typing import Self

import click

from rsvpq.text import counted

#: Seconds between two lines in a log, and between two changes on a terminal.
_IN_A_LOG_S = 10.0
_AT_A_TERMINAL_S = 0.2


class Progress:
    """Shows how many mailboxes are done, the rate, and the time left; a context manager."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._terminal = sys.stderr.isatty()
        self._every_s = _AT_A_TERMINAL_S if self._terminal else _IN_A_LOG_S
        self._began = time.monotonic()
        self._next = self._began + (0 if self._terminal else self._every_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._terminal:
            click.echo("\r\x1b[K", nl=False, err=True)

    def show(self, done: int) -> None:
        """Show that this many mailboxes are done."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + self._every_s
        line = sentence(done, self._total, now - self._began)
        click.echo(f"\r\x1b[K{line}" if self._terminal else line, nl=not self._terminal, err=True)


def sentence(done: int, total: int, seconds: float) -> str:
    """Return a line such as ``37/200 mailboxes, 12.3/s, 0:00:13 to go``."""
    if not done or seconds <= 0:
        return f"{done}/{counted(total, 'mailbox')}"
    rate = done / seconds
    left = timedelta(seconds=round((total - done) / rate))
    return f"{done}/{counted(total, 'mailbox')}, {rate:.1f}/s, {left} to go"
