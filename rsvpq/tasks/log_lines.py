"""Escape log messages, so that foreign text in them cannot control a terminal or forge a line.

Errors name paths, which contain subjects, and a traceback may contain any text. So each message is escaped when it is
written, and each line of a traceback.
"""

import logging
from copy import copy
from typing import Any

from rsvpq.text import printable, printable_lines


class PlainLines(logging.Formatter):
    """Wraps another formatter, which may add colors, and escapes the message and the traceback."""

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self._inner = inner

    def format(self, record: logging.LogRecord) -> str:
        """Format the record with its text escaped."""
        shown = copy(record)
        shown.msg, shown.args = printable(record.getMessage()), None
        if record.exc_info and not record.exc_text:
            shown.exc_text = printable_lines(self._inner.formatException(record.exc_info).replace("\t", "    "))
        return self._inner.format(shown)


def escape_lines(logger: logging.Logger, **_: Any) -> None:
    """Escape everything that the handlers of a logger write; other arguments of Celery's signals are ignored."""
    for handler in logger.handlers:
        if not isinstance(handler.formatter, PlainLines):
            handler.setFormatter(PlainLines(handler.formatter or logging.Formatter()))
