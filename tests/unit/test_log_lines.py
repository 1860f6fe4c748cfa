"""A log line in JSON: its fields are those of the message, and no foreign text forges or breaks one."""

import io
import json
import logging
import subprocess
import sys
from typing import Any

import pytest

from rsvpq.tasks.log_lines import LogFormat, about, log_event, write_lines

#: Text that would end a line, forge a field, or control a terminal.
FOREIGN = 'a\nevent=done mailbox=forged\x1b[2J\u202e", "mailbox": "forged'


class Log:
    """A logger of its own, and what it has written."""

    def __init__(self, log_format: LogFormat) -> None:
        self.written = io.StringIO()
        self.logger = logging.Logger("test")
        self.logger.addHandler(logging.StreamHandler(self.written))
        write_lines(self.logger, log_format)

    def lines(self) -> list[str]:
        """The lines; each is printable."""
        lines = self.written.getvalue().splitlines()
        assert all(map(str.isprintable, lines))
        return lines

    def only(self) -> dict[str, Any]:
        """The one line, parsed, without its time and its logger."""
        (line,) = self.lines()
        parsed: dict[str, Any] = json.loads(line)
        assert parsed.pop("time").endswith("Z")
        assert parsed.pop("logger") == "test"
        return parsed


def test_the_fields_of_a_message_are_fields_and_numbers_stay_numbers() -> None:
    log = Log("json")
    log.logger.warning("event=later item=%s tries=%d delay_s=%.1f reason=%s", "a", 3, 2.345, FOREIGN)
    expected = {"event": "later", "item": "a", "tries": 3, "delay_s": 2.3, "reason": FOREIGN}
    assert log.only() == {"level": "WARNING", **expected}


def test_what_a_message_says_beside_its_fields_is_kept_whole() -> None:
    log = Log("json")
    log.logger.info("event=scan-waits group=%s: no worker takes %s", "legal", "scans")
    message = "event=scan-waits group=legal: no worker takes scans"
    assert log.only() == {"level": "INFO", "event": "scan-waits", "group": "legal", "message": message}


def test_a_message_of_somebody_else_has_no_fields_of_its_text() -> None:
    log = Log("json")
    log.logger.info("Task %(name)s: %(text)s", {"name": "n", "text": FOREIGN})
    assert log.only() == {"level": "INFO", "message": f"Task n: {FOREIGN}"}


def test_of_a_task_of_celery_only_its_name_and_item_become_fields() -> None:
    log = Log("json")
    log.logger.info("received", extra={"data": {"id": "a", "name": "answer", "kwargs": "{'subject': 'Lunch'}"}})
    assert log.only() == {"level": "INFO", "item": "a", "task": "answer", "message": "received"}


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_what_a_thread_works_on_is_in_each_of_its_lines_and_in_no_later_one(log_format: LogFormat) -> None:
    log = Log(log_format)
    with about({"mailbox": "adele", "item": "a"}):
        log.logger.info("event=read rows=%d", 2)
        log_event(log.logger, logging.INFO, "done", {"mailbox": "bruno", "ms": 5})
        log.logger.info("by somebody else")
    log.logger.info("event=after")
    if log_format == "text":
        assert log.lines() == [
            "event=read rows=2 mailbox=adele item=a",
            "event=done mailbox=bruno ms=5 item=a",
            "by somebody else mailbox=adele item=a",
            "event=after",
        ]
    else:
        lines = [json.loads(line) for line in log.lines()]
        assert [(one.get("mailbox"), one.get("item")) for one in lines] == [
            ("adele", "a"),
            ("bruno", "a"),
            ("adele", "a"),
            (None, None),
        ]


def test_a_traceback_is_one_field_of_its_line() -> None:
    log = Log("json")
    try:
        raise ValueError(FOREIGN)
    except ValueError:
        log.logger.exception("event=unexpected")
    line = log.only()
    assert line["event"] == "unexpected"
    assert line["traceback"].startswith("Traceback (most recent call last):\n")
    assert FOREIGN.splitlines()[0] in line["traceback"]


def log_of(program: str) -> list[dict[str, Any]]:
    """What a process writes on both of its streams after it has begun its log in JSON."""
    begin = (
        "import logging, sys, threading, warnings\nfrom rsvpq.tasks.log_streams import begin_log\nbegin_log('json')\n"
    )
    command = [sys.executable, "-c", begin + program]
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=240
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_whatever_a_process_writes_is_json() -> None:
    fails = "def fail():\n    raise ValueError('two\\nlines')\n"
    thread = "thread = threading.Thread(target=fail)\nthread.start()\nthread.join()\n"
    printed, warned, in_thread, ended = log_of(
        fails + "print('printed')\nwarnings.warn('of\\nold age')\n" + thread + "sys.exit('no list of mailboxes')"
    )
    assert printed["message"] == "printed"
    assert "of\nold age" in warned["message"]
    assert (in_thread["event"], in_thread["error"]) == ("uncaught", "ValueError")
    assert ended["message"] == "no list of mailboxes"
    (uncaught,) = log_of(fails + "fail()")
    assert uncaught["level"] == "CRITICAL"
    assert uncaught["traceback"].endswith("ValueError: two\nlines")
