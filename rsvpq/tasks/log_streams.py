"""Set the log of a process up, so that all that it writes is lines of the format in force.

In JSON that includes what does not come from a logger: warnings, errors that nobody catches, the reason of an exit, and
what Celery prints when a worker starts and ends. What remains are errors before the settings are known, whose lines are
text because they may be errors of the settings, and what the interpreter itself writes when it crashes.
"""

import logging
import os
import sys
import threading
from types import TracebackType
from typing import Any

from rsvpq.tasks.log_lines import JsonLines, LogFormat, write_lines

logger = logging.getLogger(__name__)

_TEXT_FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"
#: Where Celery logs what is written to the standard streams.
_REDIRECTED = "celery.redirected"


def begin_log(log_format: LogFormat) -> None:
    """Begin the log of a process that is not a Celery worker, on its standard error."""
    logging.basicConfig(level=logging.INFO, format=_TEXT_FORMAT)
    write_lines(logging.getLogger(), log_format)
    if log_format == "json":
        _redirect_streams()


def watch_celery_log(log_format: LogFormat) -> None:
    """Write the log of the Celery worker that this process may become in this format."""
    from celery.signals import after_setup_logger, after_setup_task_logger, celeryd_init  # noqa: PLC0415 - not in all

    def format_lines(logger: logging.Logger, **_: Any) -> None:
        write_lines(logger, log_format)
        write_lines(logging.getLogger("multiprocessing"), log_format)

    def begin_worker_log(instance: Any, **_: Any) -> None:
        # Celery replaces these handlers soon, but warns before.
        begin_log(log_format)
        instance.quiet = True  # no banner
        _print_no_text()

    after_setup_logger.connect(format_lines, weak=False)
    after_setup_task_logger.connect(format_lines, weak=False)
    if log_format == "json":
        celeryd_init.connect(begin_worker_log, weak=False)


def _redirect_streams() -> None:
    """Log what is written to the standard streams, and errors that nobody catches."""
    from celery.utils.log import LoggingProxy  # noqa: PLC0415 - only for JSON: most of Celery would be imported

    sys.stdout = sys.stderr = LoggingProxy(logging.getLogger(_REDIRECTED), logging.WARNING)
    logging.captureWarnings(capture=True)
    sys.excepthook = _log_uncaught
    threading.excepthook = lambda args: _log_uncaught(args.exc_type, args.exc_value, args.exc_traceback)


def _log_uncaught(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    if error is not None and not issubclass(kind, KeyboardInterrupt | SystemExit):
        logger.critical("event=uncaught error=%s", kind.__name__, exc_info=(kind, error, trace))


def _print_no_text() -> None:
    """Replace the function by which Celery prints in handlers of signals, where no logger may be used.

    It writes to the stream itself, past all redirection.
    """
    from celery.apps import worker  # noqa: PLC0415 - only in workers

    def print_line(text: str, *_: Any) -> None:
        record = logging.LogRecord(worker.__name__, logging.WARNING, __file__, 0, text.strip(), None, None)
        os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, f"{JsonLines().format(record)}\n".encode())

    worker.safe_say = print_line  # type: ignore[attr-defined]  # not in the stubs
