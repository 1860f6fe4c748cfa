"""Write log records as lines of text, or as one JSON object each.

Errors name paths, which contain subjects, and a traceback may contain any text. So each message is escaped when it is
written, and each line of a traceback: foreign text in it can neither control a terminal nor forge a line.

Our own messages have the form ``event=later item=%s delay_s=%.1f reason=%s``. In JSON, each name is a field; its value
is read from the arguments of the record and not from its text, so that no foreign text can forge a field.
"""

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from copy import copy
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Literal

from pythonjsonlogger.core import BaseJsonFormatter, LogData

from rsvpq.text import json_text, printable, printable_lines

LogFormat = Literal["text", "json"]

#: What each record of this thread is about; see :func:`about`.
_ABOUT: ContextVar[Mapping[str, Any]] = ContextVar("about", default={})  # noqa: B039 - a Mapping, which nobody changes

_PLACEHOLDER = re.compile(r"%[-#0 +]*\d*(?:\.\d+)?[a-zA-Z]")
_FIELD = re.compile(r"([a-z_]+)=(.+)", re.DOTALL)
_OURS = "event="
#: What stands between a field and the text after it.
_PUNCTUATION = ":,;"


@contextmanager
def about(fields: Mapping[str, Any]) -> Iterator[None]:
    """Add fields, such as the mailbox and the item, to each record of this thread that does not have them."""
    token = _ABOUT.set({**_ABOUT.get(), **fields})
    try:
        yield
    finally:
        _ABOUT.reset(token)


def log_event(logger: logging.Logger, level: int, event: str, fields: Mapping[str, Any]) -> None:
    """Log an event with fields; of those whose value has blanks, only the last one can be read back from text."""
    template = "".join(f" {name}=%s" for name in fields)
    logger.log(level, f"{_OURS}{event}{template}", *fields.values())


class PlainLines(logging.Formatter):
    """Wraps another formatter, which may add colors, and escapes the message and the traceback."""

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self._inner = inner

    def format(self, record: logging.LogRecord) -> str:
        """Format the record with its text escaped, and what it is about."""
        shown = copy(record)
        missing = _ABOUT.get().keys() - _fields(record)[0].keys()
        more = "".join(f" {name}={value}" for name, value in _ABOUT.get().items() if name in missing)
        shown.msg, shown.args = printable(record.getMessage() + more), None
        if record.exc_info and not record.exc_text:
            shown.exc_text = printable_lines(self._inner.formatException(record.exc_info).replace("\t", "    "))
        return self._inner.format(shown)


class JsonLines(BaseJsonFormatter):
    """Formats each record as one line of JSON; a traceback is one of its fields."""

    def add_fields(self, log_data: LogData, record: logging.LogRecord, message_dict: dict[str, Any]) -> None:
        """Choose the fields: not all that a record carries, because Celery attaches the arguments of tasks."""
        fields, whole = _fields(record)
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        event = {"event": fields.pop("event")} if fields else {}
        log_data |= {"time": at, "level": record.levelname, **event, "logger": record.name}
        log_data |= {**_celery_fields(record), **_ABOUT.get(), **fields}
        if not whole:
            log_data["message"] = record.message
        traceback = "\n".join(map(str, message_dict.values()))
        if traceback:
            log_data["traceback"] = traceback

    def jsonify_log_record(self, log_data: LogData) -> str:
        """Return the line, with all characters that are not printable escaped."""
        return json_text(log_data)


def write_lines(logger: logging.Logger, log_format: LogFormat) -> None:
    """Let all handlers of a logger write their lines in this format."""
    for handler in logger.handlers:
        if log_format == "json":
            handler.setFormatter(JsonLines())
        elif not isinstance(handler.formatter, PlainLines):
            handler.setFormatter(PlainLines(handler.formatter or logging.Formatter()))


def _celery_fields(record: logging.LogRecord) -> dict[str, Any]:
    """Return the item and the name of the task of a record of Celery's about a task."""
    data = getattr(record, "data", None)
    if not isinstance(data, dict):
        return {}
    return {field: str(data[name]) for field, name in (("item", "id"), ("task", "name")) if name in data}


def _fields(record: logging.LogRecord) -> tuple[dict[str, Any], bool]:
    """Return the fields of a message of ours, and whether they are all that it says."""
    template, args = record.msg, record.args
    if not isinstance(template, str) or not template.startswith(_OURS) or not isinstance(args, tuple):
        return {}, False
    fields: dict[str, Any] = {}
    whole, left = True, iter(args)
    for word in template.split(" "):
        used = tuple(islice(left, len(_PLACEHOLDER.findall(word))))
        match = _FIELD.fullmatch(word)
        if match and match[1] not in fields:
            form = match[2].rstrip(_PUNCTUATION)
            fields[match[1]] = _value(form, used)
            whole = whole and form == match[2]
        else:
            whole = False
    return fields, whole


def _value(form: str, args: tuple[Any, ...]) -> Any:
    """Return the value of a field: a number if the argument is one, else its text."""
    if not args:
        return form
    if _PLACEHOLDER.fullmatch(form) and isinstance(args[0], int | float):
        return float(form % args) if form.endswith("f") else args[0]
    return form % args
