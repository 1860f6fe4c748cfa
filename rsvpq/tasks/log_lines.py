"""Lines of logs, in which no word of a stranger's is a command to a terminal, or a line of its own.

Errors name paths, which are made of subjects, and a traceback may hold any text. So a message is escaped as it is
written, and of a traceback each line.
"""

import logging
from copy import copy

from rsvpq.text import printable, printable_lines


class PlainLines(logging.Formatter):
    """Writes as another formatter does, what is told in escapes; that one may add colours."""

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self._inner = inner

    def format(self, record: logging.LogRecord) -> str:
        """As a formatter's."""
        shown = copy(record)
        shown.msg, shown.args = printable(record.getMessage()), None
        if record.exc_info and not record.exc_text:
            shown.exc_text = printable_lines(self._inner.formatException(record.exc_info).replace("\t", "    "))
        return self._inner.format(shown)


def escape_lines(logger: logging.Logger) -> None:
    """Have everything escaped that the handlers of a logger write."""
    for handler in logger.handlers:
        if not isinstance(handler.formatter, PlainLines):
            handler.setFormatter(PlainLines(handler.formatter or logging.Formatter()))
