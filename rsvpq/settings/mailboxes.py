"""Read the list of mailboxes, a CSV file that people maintain, and select mailboxes from it.

A file with errors is rejected as a whole, and all errors are reported: a mailbox left out because of a typing error
would never be answered, and nobody would know. Whether a mailbox exists is not checked here.
"""

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from rsvpq.lanes.limits import Limits, Rate, require_one_at_a_time
from rsvpq.mail.messages import Mailbox
from rsvpq.settings import ConfigError, Problem, Settings, did_you_mean
from rsvpq.settings.text_files import read_text

COLUMNS = ("mailbox", "server", "group", "pace", "burst", "concurrency", "weight")
#: Columns that set a mailbox's limits, and the limit that each sets.
_LIMITS = {"pace": "rate", "burst": "burst", "concurrency": "concurrency", "weight": "weight"}
#: Columns in which an empty field does not mean the default.
_NEVER_EMPTY = ("mailbox", "server")
#: The maximum length in characters; no alias or SMTP address in Exchange is longer.
_LONGEST_NAME = 256
#: Characters that would end or change the URL path segment made from the name.
_NOT_IN_NAMES = frozenset("/\\?#%")
#: The most problems shown: a file with the wrong separator is wrong in each of its 20,000 rows.
_MOST_SHOWN = 20


@dataclass(frozen=True, slots=True)
class ListedMailbox(Mailbox):
    """A mailbox as the list has it; ``limits`` is None where it has the defaults of the settings."""

    limits: Limits | None = None


_Reader = Callable[[str], object]
_Row = tuple[int, list[str]]


@dataclass
class _Report:
    """The problems found in one file."""

    file: str
    problems: list[Problem] = field(default_factory=list)

    def add(self, line: int, column: str, text: str) -> None:
        self.problems.append(Problem(self.file, line, column, text))

    def raise_if_any(self) -> None:
        if self.problems:
            raise ConfigError(self.problems, _MOST_SHOWN)


def read_mailboxes(path: Path, settings: Settings) -> tuple[ListedMailbox, ...]:
    """Return the mailboxes of the CSV file at ``path``, in its order.

    :raises ConfigError: with all problems in the file.
    """
    report = _Report(str(path))
    rows = _rows(read_text(path, "correct the path"), report)
    columns = _columns(rows, report, several_servers=len(settings.servers) > 1)
    report.raise_if_any()  # with a wrong header every row would be wrong
    readers = _readers(tuple(settings.servers))
    first_lines: dict[str, int] = {}
    mailboxes = []
    for line, fields in rows:
        values = _values(line, fields, columns, readers, report)
        mailbox = _mailbox(values, settings)
        first = first_lines.setdefault(mailbox.name.casefold(), line)
        if first != line and mailbox.name:
            report.add(line, "mailbox", f"{mailbox.name!r} is already on line {first}; remove one of the two")
        mailboxes.append(mailbox)
    report.raise_if_any()
    return tuple(mailboxes)


def select(
    mailboxes: Iterable[ListedMailbox], names: Sequence[str] = (), group: str | None = None
) -> tuple[ListedMailbox, ...]:
    """Return the mailboxes with these names (ignoring case), those of a group, or all; in their given order.

    :raises ConfigError: a name or the group is unknown, or both names and a group were given.
    """
    everyone = tuple(mailboxes)
    if names and group is not None:
        raise ConfigError([Problem("mailboxes", 0, "group", "was given together with names; give only one of them")])
    if group is not None:
        return _of_group(everyone, group)
    if not names:
        return everyone
    known = {mailbox.name.casefold(): mailbox.name for mailbox in everyone}
    problems = [
        Problem("mailboxes", 0, name, f"is not in the list; {did_you_mean(name, known.values())}")
        for name in names
        if name.casefold() not in known
    ]
    if problems:
        raise ConfigError(problems, _MOST_SHOWN)
    wanted = {name.casefold() for name in names}
    return tuple(mailbox for mailbox in everyone if mailbox.name.casefold() in wanted)


def _of_group(mailboxes: Sequence[ListedMailbox], group: str) -> tuple[ListedMailbox, ...]:
    members = tuple(mailbox for mailbox in mailboxes if mailbox.group == group)
    if not group or not members:
        groups = {mailbox.group for mailbox in mailboxes if mailbox.group}
        text = f"no mailbox is in the group {group!r}; {did_you_mean(group, groups)}"
        raise ConfigError([Problem("mailboxes", 0, "group", text)])
    return members


def _rows(text: str, report: _Report) -> Iterator[_Row]:
    """Yield the number and the trimmed fields of each line, skipping blank lines and comments.

    Lines are parsed one by one: no field may contain a line break, so a missing quote spoils one row and not the file.
    """
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            yield number, [value.strip() for value in next(csv.reader([line], strict=True, skipinitialspace=True))]
        except csv.Error as error:
            report.add(number, "row", f"is not valid CSV ({error}); close each quote, and double quotes inside quotes")


def _columns(rows: Iterator[_Row], report: _Report, *, several_servers: bool) -> list[str]:
    """Return the column names in the header, which is the first row."""
    line, names = next(rows, (1, []))
    for name in names:
        if name not in COLUMNS:
            hint = "separate the fields by commas" if ";" in name or "\t" in name else did_you_mean(name, COLUMNS)
            report.add(line, name or "header", f"is not a known column; {hint}")
    report.problems += [
        Problem(report.file, line, name, "appears more than once in the header; keep one column of that name")
        for name in sorted({name for name in names if names.count(name) > 1})
    ]
    if not report.problems:
        if "mailbox" not in names:
            report.add(line, "mailbox", f"is missing; write a header such as {','.join(COLUMNS[:3])}")
        if "server" not in names and several_servers:
            report.add(line, "server", "is missing; with more than one server, say which of them each mailbox is on")
    return names


def _readers(servers: Sequence[str]) -> Mapping[str, _Reader]:
    return {
        "mailbox": _name,
        "server": partial(_server, servers=servers),
        "group": _group,
        "pace": Rate.parse,
        "burst": _count,
        "concurrency": _one_at_a_time,
        "weight": _weight,
    }


def _values(
    line: int, fields: list[str], columns: list[str], readers: Mapping[str, _Reader], report: _Report
) -> dict[str, Any]:
    """Return the values of a row, without those left to the defaults and those that are wrong (and reported)."""
    if len(fields) != len(columns):
        text = f"has {len(fields)} fields, but the header has {len(columns)}; look for a missing comma or quote"
        report.add(line, "row", text)
        return {}
    values = {}
    for column, text in zip(columns, fields, strict=True):
        if text or column in _NEVER_EMPTY:
            try:
                values[column] = readers[column](text)
            except ValueError as error:
                report.add(line, column, str(error))
    return values


def _mailbox(values: Mapping[str, Any], settings: Settings) -> ListedMailbox:
    own = {limit: values[column] for column, limit in _LIMITS.items() if column in values}
    limits: Limits | None = replace(settings.mailbox_limits, **own) if own else None
    server = values.get("server", next(iter(settings.servers)))
    return ListedMailbox(values.get("mailbox", ""), server, values.get("group", ""), limits)


def _name(text: str) -> str:
    if not text:
        raise ValueError("is empty; write an alias or an SMTP address")
    wrong = sorted(_NOT_IN_NAMES.intersection(text))
    if wrong or text in (".", ".."):
        raise ValueError(f"{text!r} contains {' '.join(wrong) or 'only dots'}; write an alias or an SMTP address")
    if not text.isprintable():
        raise ValueError(f"{text!r} contains an invisible character; type the name again")
    if len(text) > _LONGEST_NAME:
        raise ValueError(f"is {len(text)} characters long; no name is longer than {_LONGEST_NAME}")
    return text


def _server(text: str, servers: Sequence[str]) -> str:
    if not text and len(servers) == 1:
        return servers[0]
    if text not in servers:
        what = f"{text!r} is not a configured server" if text else "is empty"
        raise ValueError(f"{what}; use one of: {', '.join(servers)}")
    return text


def _group(text: str) -> str:
    if not text.isprintable():
        raise ValueError(f"{text!r} contains an invisible character; type the name again")
    return text


def _count(text: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,8}", text):
        raise ValueError(f"{text!r} is not a whole number above zero; write one such as 4")
    return int(text)


def _one_at_a_time(text: str) -> int:
    return require_one_at_a_time(_count(text))


def _weight(text: str) -> float:
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?", text) or float(text) == 0:
        raise ValueError(f"{text!r} is not a number above zero; write one such as 2 or 0.5")
    return float(text)
