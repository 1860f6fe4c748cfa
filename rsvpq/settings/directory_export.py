"""Read what a directory exports of its mailboxes: LDIF of ``ldapsearch``, CSV of ``Get-Mailbox | Export-Csv`` or csvde.

Both become entries: a line number, and the values of each attribute, whatever the case of its name. What an entry means
for the list of mailboxes is decided in :mod:`rsvpq.settings.list_import`.
"""

import base64
import binascii
import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from rsvpq.settings.problems import ConfigError, Problem

#: The most problems shown: a file of another format is wrong in each of its lines.
_MOST_SHOWN = 20
#: What ldapsearch writes before the entries, after them, or in place of one that another server has. With paged results
#: it writes the first two for each page.
_SEARCH_COMMENT, _SEARCH_RESULT, _REFERRAL = "# extended LDIF", "search", "ref"
_LDAPSEARCH = "export with ldapsearch"
_BYTE_ORDER_MARKS = ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"\xef\xbb\xbf", "utf-8-sig"))
#: With options, such as ``;binary``. Active Directory writes ``;range=0-1499`` behind one that has more values.
_ATTRIBUTE = re.compile(r"(?P<name>[A-Za-z][A-Za-z0-9-]*|[0-9]+(?:\.[0-9]+)+)(?:;[A-Za-z0-9=*-]+)*")
_QUOTED = re.compile(r'"[^"]*"')


@dataclass(frozen=True, slots=True)
class DirectoryEntry:
    """One entry of an export: the number of its first line, and its values by the lower-case name of the attribute."""

    line: int
    values: Mapping[str, tuple[str, ...]]

    def first(self, *names: str) -> tuple[str, str]:
        """Return the first of these attributes that has a value, and the value; two empty texts if none has."""
        return next(((name, values[0]) for name in names if (values := self.values.get(name.lower()))), ("", ""))


def decode(data: bytes, file: str) -> str:
    """Return the text of an export, with LF as line end: UTF-16 if it begins with that byte order mark, else UTF-8.

    :raises ConfigError: it is neither.
    """
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        remedy = "export it as UTF-8: Export-Csv -Encoding UTF8, csvde -u"
        raise ConfigError([Problem(file, line, "text", f"is not {encoding}; {remedy}")]) from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


# -- LDIF (RFC 2849) -------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Record:
    """The lines of one record, each with its number and the parts of a folded one; and the number of the first."""

    line: int
    lines: list[tuple[int, list[str]]] = field(default_factory=list)


def read_ldif(text: str, file: str) -> list[DirectoryEntry]:
    """Return the entries of an LDIF text.

    :raises ConfigError: a line is not LDIF, or the export is not complete; with all problems.
    """
    problems = list(_without_result(text, file))
    entries = []
    for record in _records(text):
        values = _values(record, file, problems)
        kind = next(iter(values), "")
        if kind == "dn":
            if values.get("changetype", ["add"])[0] != "add":  # ldifde writes 'add' to each entry
                text_of = f"is a change and not an entry; {_LDAPSEARCH}"
                problems.append(Problem(file, record.line, "changetype", text_of))
            entries.append(DirectoryEntry(record.line, {name: tuple(found) for name, found in values.items()}))
        elif kind == _SEARCH_RESULT:
            problems += _incomplete(record, values, file)
        elif kind not in ("", _REFERRAL):
            problems.append(Problem(file, record.line, kind, f"begins an entry without dn; {_LDAPSEARCH}"))
    if problems:
        raise ConfigError(problems, _MOST_SHOWN)
    return entries


def _records(text: str) -> Iterator[_Record]:
    """Yield the records, without comments and the line with the version."""
    record, comment = _Record(0), False
    for number, line in enumerate([*text.split("\n"), ""], start=1):
        if line.startswith(" "):
            if not comment and record.lines:  # a continuation of the line before
                record.lines[-1][1].append(line[1:])
            continue
        comment = line.startswith("#")
        if comment or (not record.lines and line.lower().startswith("version:")):
            continue
        if line:
            record = record if record.lines else _Record(number)
            record.lines.append((number, [line]))
        elif record.lines:
            yield record
            record = _Record(0)


def _values(record: _Record, file: str, problems: list[Problem]) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for number, parts in record.lines:
        name, colon, rest = "".join(parts).partition(":")
        known = _ATTRIBUTE.fullmatch(name)
        if known is None or not colon:
            problems.append(Problem(file, number, name[:40] or "line", "is not a line of LDIF; write attribute: value"))
            continue
        try:
            values.setdefault(known["name"].lower(), []).append(_value(rest))
        except ValueError as error:
            problems.append(Problem(file, number, name, str(error)))
    return values


def _value(rest: str) -> str:
    """Return the value after the first colon of a line; binary values, which nobody here reads, as replacements.

    :raises ValueError: it is not valid.
    """
    if rest.startswith("<"):
        raise ValueError("is in another file; export the value itself")
    if not rest.startswith(":"):
        return rest.strip(" ")
    try:
        return base64.b64decode(rest[1:].strip(), validate=True).decode("utf-8", "replace")
    except binascii.Error as error:
        raise ValueError(f"is not base64 ({error}); export it again") from None


def _without_result(text: str, file: str) -> Iterator[Problem]:
    """Yield a problem if a search of ldapsearch has no result: it was interrupted, or the file was cut.

    With ``-L`` there is neither the comment nor the result, which ldapsearch then writes to stderr.
    """
    lines = text.split("\n")
    searches = [number for number, line in enumerate(lines, start=1) if line.rstrip() == _SEARCH_COMMENT]
    if searches and not any(line.startswith("result:") for line in lines[searches[-1] :]):
        yield Problem(file, searches[-1], "result", "is missing after this search: entries are missing; export again")


def _incomplete(record: _Record, values: Mapping[str, list[str]], file: str) -> Iterator[Problem]:
    """Yield a problem if the server did not return all entries: the others would be taken for removed."""
    result = values.get("result", ["0"])[0]
    if result.split(" ")[0] != "0":
        yield Problem(
            file, record.line, "result", f"is {result!r}: entries are missing; export with -E pr=500/noprompt"
        )


# -- CSV -------------------------------------------------------------------------------------------------------------


def read_csv(text: str, file: str) -> list[DirectoryEntry]:
    """Return the entries of a CSV text, separated by commas, semicolons or tabs; fields may have several lines.

    :raises ConfigError: it is not CSV; with all problems.
    """
    # Export-Csv of Windows PowerShell begins with the type, and what is meant for Excel with the separator.
    first = 2 if text.startswith(("#TYPE", "sep=")) else 1
    body = text.split("\n", first - 1)[-1]
    header = _QUOTED.sub("", body.partition("\n")[0])
    separator = max(",;\t", key=header.count)
    rows = csv.reader(io.StringIO(body), delimiter=separator, strict=True)
    problems: list[Problem] = []
    entries = []
    names: list[str] = []
    before = 0
    try:
        for row in rows:
            line, before = first + before, rows.line_num
            if not names:
                names = [name.strip().lower() for name in row]
            elif len(row) == len(names):
                values = {name: (value.strip(),) for name, value in zip(names, row, strict=True) if value.strip()}
                entries.append(DirectoryEntry(line, values))
            elif row:
                text_of = f"has {len(row)} fields, but the header has {len(names)}; export it again"
                problems.append(Problem(file, line, "row", text_of))
    except csv.Error as error:
        problems.append(Problem(file, first + before, "row", f"is not valid CSV ({error}); export it again"))
    if problems:
        raise ConfigError(problems, _MOST_SHOWN)
    return entries
