"""Compare the list of mailboxes with the export of a directory, and bring the list up to date.

The directory knows which mailboxes there are, and on which server; everything else of a row (group, limits) is the
operator's, and stays. So do comments, blank lines, the order, and the name under which a mailbox is listed, if it is
one of its names in the directory: under another name its lane would begin anew.
"""

import codecs
import csv
import io
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from rsvpq.mail.persons import is_plain_smtp
from rsvpq.settings.directory_export import DirectoryEntry
from rsvpq.settings.mailboxes import ListedMailbox, list_rows, mailbox_name
from rsvpq.settings.model import Settings
from rsvpq.settings.problems import ConfigError, Problem
from rsvpq.settings.text_files import read_text, write_remedy

#: Attributes of LDAP and columns of Get-Mailbox: what a mailbox is called, and where it is.
_ADDRESS = ("PrimarySmtpAddress", "mail", "WindowsEmailAddress")
_ALIAS = ("Alias", "mailNickname")
_ALL_ADDRESSES = ("proxyAddresses", "EmailAddresses")
_PLACE = ("ServerName", "msExchHomeServerName", "homeMDB", "Database")
_KIND = ("RecipientTypeDetails", "msExchRecipientTypeDetails")
#: Kinds of mailboxes that Exchange keeps for itself: the name that Get-Mailbox shows, the number in the directory.
_KINDS_OF_EXCHANGE = {
    "SystemAttendantMailbox": 1 << 13,
    "SystemMailbox": 1 << 14,
    "ArbitrationMailbox": 1 << 23,
    "DiscoveryMailbox": 1 << 29,
    "PublicFolderMailbox": 1 << 36,
    "MonitoringMailbox": 1 << 39,
    "AuditLogMailbox": 1 << 42,
    "AuxAuditLogMailbox": 1 << 46,
    "SupervisoryReviewPolicyMailbox": 1 << 47,
}
_OF_EXCHANGE = frozenset(text.casefold() for name, number in _KINDS_OF_EXCHANGE.items() for text in (name, str(number)))
#: How Exchange names such mailboxes: Exchange 2000 and 2003 have no kinds, and not every export has them.
_NAMED_BY_EXCHANGE = re.compile(
    r"(SystemMailbox|DiscoverySearchMailbox) ?\{[0-9a-f-]+\}"
    r"|HealthMailbox[0-9a-f]{7,32}"
    r"|(FederatedEmail|Migration)\.[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    re.IGNORECASE,
)
_SMTP = re.compile(r"(?P<kind>smtp):(?P<address>[^\s;,]+)", re.IGNORECASE)
#: The name of the server, or of the database, in a legacy DN and in the DN of a store.
_LAST_OF_LEGACY_DN = re.compile(r".*/cn=([^/]+)", re.IGNORECASE)
_SERVER_OF_STORE = re.compile(r"CN=InformationStore,CN=([^,]+)", re.IGNORECASE)
_FIRST_OF_DN = re.compile(r"CN=([^,]+),", re.IGNORECASE)
_MOST_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Places:
    """Where the mailboxes of an export are.

    :param everything: the server on which all of them are; '' if the export says it. Rows of other servers then stay.
    :param named: the server of the settings for a name that the directory uses.
    :param foreign: names of servers whose mailboxes are not for the list.
    """

    everything: str = ""
    named: Mapping[str, str] = field(default_factory=dict)
    foreign: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Exported:
    """One mailbox of the directory; ``names`` are all its names, in lower case. ``server`` is '' if nothing says it."""

    line: int
    name: str
    names: frozenset[str]
    server: str


@dataclass(frozen=True, slots=True)
class Moved:
    """A mailbox that the list has on another server than the directory."""

    mailbox: ListedMailbox
    found: Exported

    @property
    def server(self) -> str:
        """The server on which the directory has it."""
        return self.found.server


@dataclass(frozen=True, slots=True)
class ListChanges:
    """What an import changes; ``skipped`` is the number of entries without a mailbox that people use."""

    added: tuple[Exported, ...]
    removed: tuple[ListedMailbox, ...]
    moved: tuple[Moved, ...]
    unchanged: int
    skipped: int

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.moved)


def exported(
    entries: Sequence[DirectoryEntry], file: str, settings: Settings, places: Places
) -> tuple[tuple[Exported, ...], int]:
    """Return the mailboxes of an export, and how many other entries it has, which no person uses.

    :raises ConfigError: an entry cannot be mapped to the list; with all problems.
    """
    reader = _ExportReader(file, settings, places)
    with_place = any(entry.first(*_PLACE)[1] for entry in entries)
    foreign = {name.casefold() for name in places.foreign}
    users = [
        entry
        for entry in entries
        if _is_mailbox(entry, with_place) and not foreign & _spellings(_place_name(entry.first(*_PLACE)[1]))
    ]
    if not users:
        wanted = f"one of {', '.join(_ADDRESS[:2])}, {_ALIAS[1]}"
        raise ConfigError([Problem(file, 0, "entries", f"has no mailbox; export entries with {wanted}")])
    found = [one for entry in users if (one := reader.read(entry)) is not None]
    if reader.problems:
        raise ConfigError(reader.problems, _MOST_SHOWN)
    return tuple(found), len(entries) - len(users)


def compare(
    listed: Sequence[ListedMailbox], found: Sequence[Exported], skipped: int, places: Places, *, remove: bool = True
) -> ListChanges:
    """Return what the list lacks, and what it has too much or elsewhere.

    :param remove: whether mailboxes that the export lacks leave the list.
    """
    by_name = {name: one for one in reversed(found) for name in one.names}
    matched = {mailbox.name: by_name.get(mailbox.name.casefold()) for mailbox in listed}
    taken = {one.name for one in matched.values() if one is not None}
    moved = [
        Moved(mailbox, one)
        for mailbox in listed
        if (one := matched[mailbox.name]) is not None and one.server not in ("", mailbox.server)
    ]
    gone = [
        mailbox
        for mailbox in listed
        if remove and matched[mailbox.name] is None and places.everything in ("", mailbox.server)
    ]
    return ListChanges(
        tuple(one for one in found if one.name not in taken),
        tuple(gone),
        tuple(moved),
        len(listed) - len(gone) - len(moved),
        skipped,
    )


def changed_text(text: str, changes: ListChanges, settings: Settings, group: str = "") -> str:
    """Return the text of the list with these changes; all other lines stay as they are.

    :param group: the group of the mailboxes that are added.
    """
    gone = {mailbox.name for mailbox in changes.removed}
    moved = {one.mailbox.name: one.server for one in changes.moved}
    rows = dict(list_rows(text))
    columns = rows[min(rows)]
    lines = []
    for number, line in enumerate(text.rstrip("\n").split("\n"), start=1):
        name = rows[number][columns.index("mailbox")] if number in rows else ""
        if name in gone:
            continue
        if name in moved:
            fields = dict(zip(columns, rows[number], strict=True)) | {"server": moved[name]}
            line = _row([fields[column] for column in columns])  # noqa: PLW2901 - the line as it is from now on
        lines.append(line)
    for one in changes.added:
        own = {"mailbox": one.name, "server": one.server or next(iter(settings.servers)), "group": group}
        lines.append(_row([own.get(column, "") for column in columns]))
    return "\n".join([*lines, ""])


def replace_list(path: Path, text: str, before: str) -> Path:
    """Write the list in one step, with owner, mode, line ends and encoding of the former file, and keep that one.

    :param before: the text that the changes were made to.
    :returns: the path of the former file.
    :raises ConfigError: the list was changed meanwhile, or cannot be written.
    """
    path = path.resolve()  # else a link to the list would become a list of its own
    former = path.with_name(f"{path.name}.former")
    try:
        data = path.read_bytes()
        encoding = "utf-8-sig" if data.startswith(codecs.BOM_UTF8) else "utf-8"
        newline = "\r\n" if b"\r\n" in data else "\n"
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        fresh = Path(name)
        try:
            with os.fdopen(handle, "w", encoding=encoding, newline=newline) as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            if read_text(path, "correct the path") != before:
                raise ConfigError([Problem(str(path), 0, "file", "was changed meanwhile; import again")])
            owner = path.stat()
            with suppress(PermissionError):  # only root may give a file away; others keep what they write
                os.chown(fresh, owner.st_uid, owner.st_gid)
            shutil.copymode(path, fresh)
            shutil.copy2(path, former)
            fresh.replace(path)
        finally:
            fresh.unlink(missing_ok=True)
    except OSError as error:
        text = f"cannot be written ({error.strerror}); {write_remedy(error)}"
        raise ConfigError([Problem(str(path), 0, "file", text)]) from None
    return former


@dataclass(slots=True)
class _ExportReader:
    """Maps the entries of one export to mailboxes, and collects the problems."""

    file: str
    settings: Settings
    places: Places
    problems: list[Problem] = field(default_factory=list)
    _first_lines: dict[str, int] = field(default_factory=dict)
    _unknown: set[str] = field(default_factory=set)

    def read(self, entry: DirectoryEntry) -> Exported | None:
        attribute, name = entry.first(*_ADDRESS, *_ALIAS)
        primary = next((address for kind, address in _addresses(entry) if kind == "SMTP"), "")
        attribute, name = (entry.first(*_ALL_ADDRESSES)[0], primary) if primary else (attribute, name)
        server = self._server(entry)
        try:
            name = mailbox_name(name, server or next(iter(self.settings.servers)), self.settings)
        except ValueError as error:
            self.problems.append(Problem(self.file, entry.line, attribute, str(error)))
            return None
        names = {name, entry.first(*_ALIAS)[1], entry.first(*_ADDRESS)[1], *(one for _, one in _addresses(entry))}
        first = self._first_lines.setdefault(name.casefold(), entry.line)
        if first != entry.line:
            text = f"{name!r} is also that of the entry in line {first}; remove one of the two from the export"
            self.problems.append(Problem(self.file, entry.line, attribute, text))
        return Exported(entry.line, name, frozenset(one.casefold() for one in names if one), server)

    def _server(self, entry: DirectoryEntry) -> str:
        """Return the server of the settings; '' if the entry does not say it, or if it is reported as unknown."""
        if self.places.everything:
            return self.places.everything
        attribute, value = entry.first(*_PLACE)
        if not value:
            return next(iter(self.settings.servers)) if len(self.settings.servers) == 1 else ""
        place, known = _place_name(value), _names_of_servers(self.settings, self.places)
        spelled = next((name for name in _spellings(place) if name in known), None)
        if spelled is None and place not in self._unknown:  # reported once, and not for each of its mailboxes
            self._unknown.add(place)
            text = (
                f"{place!r} is not a server of the settings ({', '.join(self.settings.servers)}); say which of them it "
                f"is: --map {place}=NAME, or leave its mailboxes out: --skip {place}"
            )
            self.problems.append(Problem(self.file, entry.line, attribute, text))
        return "" if spelled is None else known[spelled]


def without_server(found: Iterable[Exported], file: str, settings: Settings) -> Iterator[Problem]:
    """Yield a problem for each mailbox to be added of which nothing says on which server it is."""
    for one in found:
        if not one.server and len(settings.servers) > 1:
            text = f"{one.name!r} has none of {', '.join(_PLACE)}; export one of these, or say --server NAME"
            yield Problem(file, one.line, "server", text)


def without_address(moved: Iterable[Moved], settings: Settings) -> Iterator[Problem]:
    """Yield a problem for each mailbox that the list has by an alias, and that moves where an address is needed.

    It keeps its name otherwise, and another name begins another lane: the operator has to decide that.
    """
    for one in moved:
        name, server = one.mailbox.name, settings.servers[one.server]
        if server.by_address and not is_plain_smtp(name):
            needs = f"{name!r} moves to {one.server}, whose protocol {server.protocol} needs an SMTP address"
            text = f"{needs}; name it {one.found.name} in the list first"
            yield Problem(str(settings.mailboxes), 0, "mailbox", text)


def _is_mailbox(entry: DirectoryEntry, with_place: bool) -> bool:
    """Return whether people use a mailbox of this entry: it has a name, and a place if others have one."""
    if entry.first(*_KIND)[1].casefold() in _OF_EXCHANGE:
        return False
    names = (entry.first(*_ALIAS)[1], entry.first(*_ADDRESS)[1].partition("@")[0])
    if any(_NAMED_BY_EXCHANGE.fullmatch(name) for name in names):
        return False
    named = bool(entry.first(*_ADDRESS, *_ALIAS)[1]) or any(True for _ in _addresses(entry))
    return named and (not with_place or bool(entry.first(*_PLACE)[1]))


def _addresses(entry: DirectoryEntry) -> Iterator[tuple[str, str]]:
    """Yield the kind (``SMTP`` for the primary one) and the address of each SMTP address."""
    for attribute in _ALL_ADDRESSES:
        for value in entry.values.get(attribute.lower(), ()):
            yield from ((match["kind"], match["address"]) for match in _SMTP.finditer(value))


def _place_name(value: str) -> str:
    """Return the name of the server in a value; of a store without one, that of the database."""
    found = _LAST_OF_LEGACY_DN.match(value) or _SERVER_OF_STORE.search(value) or _FIRST_OF_DN.match(value)
    return found[1] if found else value


def _spellings(place: str) -> set[str]:
    """Return the full and the short name of a server, in lower case; nothing for no name."""
    return {place.casefold(), place.partition(".")[0].casefold()} - {""}


def _names_of_servers(settings: Settings, places: Places) -> dict[str, str]:
    """Return the server of the settings by every name that the directory may have for it, in lower case."""
    names: dict[str, str] = {}
    for name, server in settings.servers.items():
        host = urlsplit(server.url).hostname or ""
        names |= {host.casefold(): name, host.partition(".")[0].casefold(): name}
    return {**names, **{name: name for name in settings.servers}, **{k.casefold(): v for k, v in places.named.items()}}


def _row(fields: Sequence[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(fields)
    return text.getvalue()
