"""``rsvpq audit``: show what was decided and done, in which mailbox, when, and with which result."""

import csv
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext, suppress
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain, islice
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from rsvpq import wiring
from rsvpq.audit.log import EVENTS, FIELDS, AuditLog, AuditRecord, Filter
from rsvpq.cli.config_file import config_option
from rsvpq.cli.documents import say
from rsvpq.cli.lanes import usage
from rsvpq.cli.names import Name
from rsvpq.cli.options import json_option, milliseconds, not_empty, the_format
from rsvpq.cli.strict import StrictCommand
from rsvpq.cli.tables import has_room_for_columns, is_terminal, print_block, print_fitted
from rsvpq.lanes.bounds import LARGEST_COUNT
from rsvpq.ops import open_context
from rsvpq.ops.names import require_audited
from rsvpq.settings import load_settings
from rsvpq.text import csv_cell, json_text, printable

#: Default limit of records in a table.
_TABLE_LIMIT = 100
#: Rows of a table that are laid out together.
_ROWS = 200
#: The columns of the table: a fixed width, or a share of the rest; what has no room in one line is wrapped.
_COLUMNS: dict[str, dict[str, int]] = {
    "time (UTC)": {"width": 19},
    "event": {"width": 8},
    "where": {"ratio": 3},
    "what": {"width": 9},
    "result": {"width": 9},
    "subject": {"ratio": 4},
    "why": {"ratio": 4},
}
#: The cells that identify a record.
_FIRST = 3
#: The size of a column that has all the room that it needs.
_WHOLE: dict[str, int] = {}
#: The width from which on a terminal has room for the item of each record.
_ROOM_FOR_ITEMS = 140


@click.command(cls=StrictCommand)
@click.option("--mailbox", type=Name("mailbox"), callback=not_empty, help="Only records of this mailbox.")
@click.option("--server", type=Name("server"), callback=not_empty, help="Only records of this server.")
@click.option("--organizer", help="Only meetings of this organizer: an address.")
@click.option("--uid", help="Only this meeting, by its iCalendar UID.")
@click.option("--item", help="Only this task id, as in Flower and `rsvpq dead`.")
@click.option(
    "--event", "events", multiple=True, type=click.Choice(EVENTS), help="Only records of this kind; may be repeated."
)
@click.option("--result", help="Only records with this result, such as answered, opened, later or lost.")
@click.option(
    "--since",
    metavar="WHEN",
    help="Only records from WHEN on: 2h (ago), or 2026-11-22T09:00 (local time unless it has an offset).",
)
@click.option("--until", metavar="WHEN", help="Only records up to WHEN.")
@click.option("--follow", is_flag=True, help="Then show new records as they are written, until Ctrl-C.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "csv", "jsonl", "json"]),
    help="Output format; jsonl is one record a line.  [default: table]",
)
@click.option(
    "--limit",
    metavar="N",
    type=click.IntRange(0, LARGEST_COUNT),
    help=f"Only the newest N records.  [default: {_TABLE_LIMIT} for a table, else all]",
)
@json_option
@config_option
def audit(
    since: str | None,
    until: str | None,
    events: tuple[str, ...],
    form: str | None,
    limit: int | None,
    follow: bool,
    as_json: bool,
    config_file: Path | None,
    **values: str | None,
) -> None:
    """Show what was decided and done, oldest first."""
    if follow and until:
        raise click.UsageError("--follow never ends, so it cannot be combined with --until")
    form = the_format(form, as_json=as_json) or "table"
    if follow and form == "json":
        raise click.UsageError("--follow never ends, so it has no document; use --format jsonl")
    settings = load_settings(config_file)
    lanes = wiring.lasting_lanes(settings) if follow else wiring.command_lanes(settings.redis)
    context = open_context(settings, lanes)
    wanted = Filter.of(
        context.audit.redaction,
        values,
        events=events,
        since_ms=milliseconds(lanes, since, "--since") if since is not None else None,
        until_ms=milliseconds(lanes, until, "--until") if until is not None else None,
    )
    with usage():
        require_audited(context, server=values["server"] or "", mailbox=values["mailbox"] or "")
    log = AuditLog(lanes)
    most = _TABLE_LIMIT if limit is None and form == "table" else limit
    records = _Counted(_records(log, wanted, most, follow=follow))
    with suppress(KeyboardInterrupt) if follow else nullcontext():  # this is how --follow ends
        _FORMS[form](records)
    if not records.number and not follow:
        say("no records match")


class _Counted:
    """Iterates over records, and counts them."""

    def __init__(self, records: Iterator[AuditRecord | None]) -> None:
        self._records = records
        self.number = 0

    def __iter__(self) -> Iterator[AuditRecord | None]:
        for record in self._records:
            self.number += record is not None
            yield record


def _records(log: AuditLog, wanted: Filter, most: int | None, *, follow: bool) -> Iterator[AuditRecord | None]:
    """Yield the records to show, and None when no more come for a while: flush the output then."""
    end = log.end()
    before = replace(wanted, last=end) if follow else wanted
    yield from log.read(before) if most is None else log.newest(before, most)
    if follow:
        yield None
        yield from log.follow(wanted, end)


def _write_jsonl(records: Iterable[AuditRecord | None]) -> None:
    for record in records:
        if record is None:
            sys.stdout.flush()
        else:
            sys.stdout.write(json_text(record) + "\n")


def _write_json(records: Iterable[AuditRecord | None]) -> None:
    """Write one document record by record: a million of them need not fit into memory."""
    separator = ""
    sys.stdout.write('{"records": [')
    for record in records:
        if record is not None:
            sys.stdout.write(f"{separator}\n  {json_text(record)}")
            separator = ","
    sys.stdout.write("\n]}\n" if separator else "]}\n")


def _write_csv(records: Iterable[AuditRecord | None]) -> None:
    writer = csv.DictWriter(sys.stdout, FIELDS, restval="", lineterminator="\n")
    writer.writeheader()
    for record in records:
        if record is None:
            sys.stdout.flush()
        else:
            writer.writerow({name: csv_cell(value) for name, value in record.items()})


def _write_table(records: Iterable[AuditRecord | None]) -> None:
    fitted = is_terminal()
    columns = _COLUMNS if fitted else dict.fromkeys(_COLUMNS, _WHOLE)
    if not fitted or Console().width >= _ROOM_FOR_ITEMS:
        columns = {**columns, "item": _WHOLE}
    rows = iter(records)
    if not has_room_for_columns():
        for record in filter(None, rows):
            cells = _cells(record)
            print_block(cells[:_FIRST], cells[_FIRST:])
        return
    header = True
    for first in rows:
        if first is None:
            continue
        table = Table(box=None, expand=fitted, pad_edge=False, show_header=header)
        for name, size in columns.items():
            table.add_column(name, no_wrap=not fitted, overflow="fold", **size)  # type: ignore[arg-type]  # ints only
        up_to_a_pause = iter(lambda: next(rows, None), None)
        for record in chain([first], islice(up_to_a_pause, _ROWS - 1)):
            table.add_row(*(Text(printable(cell)) for cell in _cells(record)[: len(columns)]))
        print_fitted(table)
        header = False


def _cells(record: AuditRecord) -> tuple[str, ...]:
    def of(*names: str) -> str:
        return ", ".join(record[name] for name in names if name in record)

    moment = datetime.fromisoformat(record["time"]).astimezone(UTC)
    return (
        f"{moment:%Y-%m-%d %H:%M:%S}",
        of("event"),
        of("mailbox") or of("server"),
        of("decision") or of("step"),
        of("result"),
        of("subject"),
        of("who", "rule", "reason", "note"),
        of("item"),
    )


_FORMS: dict[str, Callable[[Iterable[AuditRecord | None]], None]] = {
    "table": _write_table,
    "csv": _write_csv,
    "jsonl": _write_jsonl,
    "json": _write_json,
}
