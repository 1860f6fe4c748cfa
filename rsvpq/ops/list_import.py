"""Bring the list of mailboxes up to date by the export of a directory: first what would change, then the change."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from redis.exceptions import RedisError

from rsvpq.ops.context import InvalidRequest, OperatorContext
from rsvpq.settings import ConfigError, Settings, did_you_mean
from rsvpq.settings.directory_export import decode, read_csv, read_ldif
from rsvpq.settings.list_import import (
    ListChanges,
    Places,
    changed_text,
    compare,
    exported,
    replace_list,
    without_address,
    without_server,
)
from rsvpq.settings.mailboxes import parse_mailboxes
from rsvpq.settings.text_files import read_text
from rsvpq.text import counted, grouped

#: Removals, and moves, beyond this share of a server's mailboxes need consent: an export that lacks a part, or a wrong
#: name of a server, looks the same. A whole server may be a small part of the list.
MOST_CHANGED_PERCENT = 10
_READERS = {"csv": read_csv, "ldif": read_ldif}


@dataclass(frozen=True, slots=True)
class ListImport:
    """An import that was compared with the list, and not written yet; ``listed`` counts mailboxes by their server.

    :param before: the text of the list. :param text: what it is to become.
    """

    path: Path
    before: str
    text: str
    listed: Mapping[str, int]
    changes: ListChanges

    def require_consent(self, removals: int = 0, moves: int = 0) -> None:
        """Check that no more mailboxes of a server leave it than may do so unasked, or than the operator allows.

        :param removals: how many may leave the list. :param moves: how many may move to another server.
        :raises InvalidRequest: more would.
        """
        removed = [one.server for one in self.changes.removed]
        if found := self._beyond(removed, removals, "leave the list"):
            raise InvalidRequest(
                f"{found}: see whether the export is complete. If it is: --allow-removals {len(removed)}; to remove "
                "none: --keep-missing"
            )
        moved = [one.mailbox.server for one in self.changes.moved]
        if found := self._beyond(moved, moves, "move to another server"):
            raise InvalidRequest(
                f"{found}: see whether --server and --map are right. If they are: --allow-moves {len(moved)}"
            )

    def _beyond(self, servers: Sequence[str], allowed: int, what: str) -> str:
        """Return in words that too many mailboxes would leave a server; '' if it is not so.

        :param servers: of each mailbox that would, the server in the list.
        """
        if len(servers) <= allowed:
            return ""
        for server, number in Counter(servers).items():
            if number * 100 > self.listed[server] * MOST_CHANGED_PERCENT:
                of_all = f"{grouped(len(servers))} of {counted(sum(self.listed.values()), 'mailbox')} would {what}"
                of_server = f"{server} {grouped(number)} of {grouped(self.listed[server])}"
                return f"{of_all}, of those on {of_server}, more than {MOST_CHANGED_PERCENT} %"
        return ""

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready copy."""
        changes = self.changes
        return {
            "added": [{"mailbox": one.name, "server": one.server} for one in changes.added],
            "removed": [{"mailbox": one.name, "server": one.server} for one in changes.removed],
            "moved": [
                {"mailbox": one.mailbox.name, "from": one.mailbox.server, "to": one.server} for one in changes.moved
            ],
            "unchanged": changes.unchanged,
            "skipped": changes.skipped,
        }


def prepare(
    settings: Settings,
    data: bytes,
    file: str,
    form: Literal["csv", "ldif"],
    places: Places,
    *,
    group: str = "",
    remove: bool = True,
) -> ListImport:
    """Compare an export with the list, and change nothing.

    :param file: its name for messages. :param group: the group of the mailboxes that are added.
    :param remove: whether mailboxes that it lacks leave the list.
    :raises InvalidRequest: a server is unknown.
    :raises ConfigError: the export or the list is wrong, or the list would be.
    """
    for name in filter(None, (places.everything, *places.named.values())):
        if name not in settings.servers:
            raise InvalidRequest(f"no server {name!r} in the settings; {did_you_mean(name, settings.servers)}")
    before = read_text(settings.mailboxes, "correct the path")
    listed = parse_mailboxes(before, str(settings.mailboxes), settings)
    found, skipped = exported(_READERS[form](decode(data, file), file), file, settings, places)
    changes = compare(listed, found, skipped, places, remove=remove)
    problems = [*without_server(changes.added, file, settings), *without_address(changes.moved, settings)]
    if problems:
        raise ConfigError(problems, 20)
    text = changed_text(before, changes, settings, group)
    parse_mailboxes(text, f"{settings.mailboxes} as it would be", settings)
    return ListImport(settings.mailboxes, before, text, Counter(one.server for one in listed), changes)


def write_list(context: OperatorContext, prepared: ListImport, reason: str = "") -> tuple[Path, str]:
    """Write the list; return the path of the former file, and why the audit has no record of it ('' if it has).

    :raises ConfigError: the list was changed meanwhile, or cannot be written.
    """
    changes = prepared.changes
    former = replace_list(prepared.path, prepared.text, prepared.before)
    values = {"added": len(changes.added), "removed": len(changes.removed), "moved": len(changes.moved)}
    try:
        context.lanes.controls.log_action(context.action("import", "all", "", why=reason, values=values))
    except RedisError as error:  # the list is a file: it must not wait for Redis
        return former, str(error)
    return former, ""
