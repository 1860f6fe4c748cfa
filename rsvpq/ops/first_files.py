"""The files of a new installation: settings, secrets, the list of mailboxes, and the units of systemd."""

import csv
import io
import json
import os
import re
import secrets
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

import rsvpq
from rsvpq.ops.context import InvalidRequest
from rsvpq.settings.logins import make_login
from rsvpq.settings.text_files import write_remedy

#: Who may read a file: only its owner, or everybody.
_SECRET, _OPEN = 0o600, 0o644
_SECRETS_FOLDER = 0o700
LOCAL_REDIS = "redis://127.0.0.1:6379/0"
#: What may be in a path of a unit without being quoted.
_PLAIN_PATH = re.compile(r"[A-Za-z0-9/_.+-]+")
#: Where the units assume the settings and the programs, and the server for which they are written.
_SETTINGS, _PROGRAMS, _SERVER = "/etc/rsvpq", "/opt/rsvpq", "hq1"

_TOML = """\
# Written by 'rsvpq init'. docs/settings.md explains every key; 'rsvpq config check' says what is wrong with a change,
# and 'rsvpq config apply' brings it into force.

# Nothing is answered. Write "respond" when 'rsvpq scan --dry-run --all' shows what you want; then 'rsvpq config apply',
# and 'rsvpq confirm'.
mode = "observe"
mailboxes = "mailboxes.csv"

[redis]
{redis}
[servers.{name}]
{server}
[policy]
# Your own domains: requests from others are left alone.
internal_domains = {domains}

# Scans only run when they are triggered (rsvpq scan), unless there is a schedule.
# [[schedule]]
# every = "15m"
"""


@dataclass(frozen=True, slots=True)
class NewInstallation:
    """What has to be known to write the first files.

    :param name: the name of the mail server in the settings. :param rows: the text of the list of mailboxes.
    :param redis_password: '' for none.
    """

    directory: Path
    name: str
    protocol: str
    url: str
    username: str
    password: str
    rows: str
    auth: str = "basic"
    allow_http: bool = False
    redis_url: str = LOCAL_REDIS
    redis_password: str = ""
    internal_domains: Sequence[str] = ()

    def settings_files(self) -> dict[Path, tuple[str, int]]:
        """Return the text and the mode of each file that the settings need, by its path below the directory."""
        found = {
            Path("rsvpq.toml"): (self._toml(), _OPEN),
            Path("mailboxes.csv"): (self.rows, _OPEN),
            Path("secrets") / f"{self.name}_password": (f"{self.password}\n", _SECRET),
        }
        if self.redis_password:
            found[Path("secrets/redis_password")] = (f"{self.redis_password}\n", _SECRET)
        return found

    def unit_files(self, units: Path, programs: Path) -> dict[Path, tuple[str, int]]:
        """Return the text and the mode of each unit, and of what only the units need, by path.

        :param units: the folder of the units. :param programs: where rsvpq is installed.
        :raises InvalidRequest: a unit cannot name one of the paths.
        """
        for path in (self.directory, programs):
            if not _PLAIN_PATH.fullmatch(str(path)):
                raise InvalidRequest(f"{path} cannot be named in a unit; use a path without blanks, or --no-units")
        found = {
            units / unit.name: (self._unit(unit.read_text("utf-8"), programs), _OPEN)
            for unit in _shipped("systemd").iterdir()
        }
        found[self.directory / "flowerconfig.py"] = (_shipped("flowerconfig.py").read_text("utf-8"), _OPEN)
        password = secrets.token_hex(16)
        folder = self.directory / "secrets"
        found[folder / "flower_login"] = (f"operator:{password}\n", _SECRET)
        # The console keeps only a hash of it.
        found[folder / "console_logins"] = (f"{make_login('operator', 'operator', password)}\n", _SECRET)
        return found

    def _toml(self) -> str:
        redis = {"url": self.redis_url}
        if self.redis_password:
            redis["password_file"] = "secrets/redis_password"  # noqa: S105 - the path of a file
        server: dict[str, object] = {
            "protocol": self.protocol,
            "url": self.url,
            "username": self.username,
            "password_file": f"secrets/{self.name}_password",
            "auth": self.auth,
        }
        if self.allow_http:
            server["allow_http"] = True
        domains = json.dumps(list(self.internal_domains))
        return _TOML.format(name=self.name, redis=_keys(redis), server=_keys(server), domains=domains)

    def _unit(self, text: str, programs: Path) -> str:
        variable = self.name.upper().replace("-", "_")
        changes = {
            _SETTINGS: str(self.directory),
            _PROGRAMS: str(programs),
            f"{_SERVER}_password": f"{self.name}_password",
            f"__{_SERVER.upper()}__": f"__{variable}__",
            f"with {_SERVER}.": f"with {self.name}.",
        }
        # All at once: a path that is put in may contain the next one that is looked for.
        text = re.sub("|".join(map(re.escape, changes)), lambda found: changes[found[0]], text)
        lines = text.splitlines(keepends=True)
        return "".join(line for line in lines if self.redis_password or "redis_password" not in line)


def list_of(mailboxes: Sequence[str], server: str) -> str:
    """Return the text of a list of these mailboxes, in the group ``pilot``."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["mailbox", "server", "group"])
    rows.writerows([mailbox, server, "pilot"] for mailbox in mailboxes)
    return text.getvalue()


def existing(paths: Collection[Path]) -> list[Path]:
    """Return those of the files that are there already."""
    return sorted(path for path in paths if path.exists())


def write_files(files: Mapping[Path, tuple[str, int]], *, force: bool = False) -> list[Path]:
    """Write files with their modes, each in one step, and return their paths.

    All are written beside their places first: if one of them cannot be, nothing is left of any.

    :param force: replace what is there.
    :raises InvalidRequest: a file is there already, or cannot be written.
    """
    fresh = {path: path.with_name(f".{path.name}.new") for path in sorted(files)}
    placed: list[Path] = []
    try:
        for path, beside in fresh.items():
            _write_beside(path, beside, *files[path])
        for path, beside in fresh.items():
            if force:
                beside.replace(path)
            else:
                os.link(beside, path)
                placed.append(path)
    except OSError as error:
        for done in placed:
            done.unlink()
        if isinstance(error, FileExistsError):
            raise InvalidRequest(f"{path} is there already; --force replaces it") from None
        raise InvalidRequest(f"{path} cannot be written ({error.strerror}); {write_remedy(error)}") from None
    finally:
        for beside in fresh.values():
            with suppress(OSError):  # where there can be no file there is none
                beside.unlink(missing_ok=True)
    return list(fresh)


def _write_beside(path: Path, beside: Path, text: str, mode: int) -> None:
    path.parent.mkdir(_SECRETS_FOLDER if mode == _SECRET else 0o755, parents=True, exist_ok=True)
    beside.unlink(missing_ok=True)
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), mode)  # whatever the umask is
        file.write(text)


def _keys(values: Mapping[str, object]) -> str:
    """Return lines of TOML: its basic strings are written as those of JSON."""
    return "".join(f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in values.items())


def _shipped(name: str) -> Traversable:
    """Return a file or a folder of ``deploy/``: an installation has it in the package, a checkout beside it."""
    packed = resources.files(rsvpq) / "_deploy"
    return (packed if packed.is_dir() else Path(rsvpq.__file__).parents[1] / "deploy") / name
