"""The logins of the operator console: a file with a line for each, without any password in it.

A line is ``NAME:ROLE:HASH``, as ``rsvpq console password`` makes it. The hash is scrypt (RFC 7914) with a salt of its
own, and the line says by which costs it was made, so that newer lines may be costlier than older ones.
"""

import logging
import re
import stat
from base64 import b64encode
from binascii import Error, a2b_base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import scrypt
from hmac import compare_digest
from pathlib import Path
from secrets import token_bytes
from threading import Lock
from typing import Literal, Self, get_args

from rsvpq.settings.problems import ConfigError, Problem, did_you_mean
from rsvpq.settings.text_files import FileState, file_state, read_text

logger = logging.getLogger(__name__)

ConsoleRole = Literal["viewer", "operator"]
ROLES: tuple[ConsoleRole, ...] = get_args(ConsoleRole)

#: The minimum length of a password, in characters.
SHORTEST_PASSWORD = 12
#: The maximum length of a password, in characters: more would only make the server work.
LONGEST_PASSWORD = 1000
#: The costs of new hashes: 16 MiB, and about a fifth of a second of one processor.
_LOG2_N, _BLOCKS, _LANES = 14, 8, 5
#: Limits of what a line may ask for: 128 MiB.
_MOST_LOG2_N, _MOST_BLOCKS, _MOST_LANES = 17, 8, 16
_SALT_BYTES, _DIGEST_BYTES = 16, 32
_HASH = re.compile(r"scrypt\$(\d{1,2})\$(\d{1,2})\$(\d{1,2})\$([A-Za-z0-9+/=]{16,128})\$([A-Za-z0-9+/=]{16,128})")
#: The maximum length of a name, in characters.
LONGEST_NAME = 64
_NAME = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._@-]{{0,{LONGEST_NAME - 1}}}")
_FIELDS = 3
_HOW = "make the line with: rsvpq console password NAME --role operator"


@dataclass(frozen=True, slots=True)
class PasswordHash:
    """The hash of a password, and the costs by which it was made."""

    log2_n: int
    blocks: int
    lanes: int
    salt: bytes
    digest: bytes

    @classmethod
    def of(cls, password: str) -> Self:
        """Hash a new password with a new salt."""
        salt = token_bytes(_SALT_BYTES)
        return cls(_LOG2_N, _BLOCKS, _LANES, salt, _scrypt(password, _LOG2_N, _BLOCKS, _LANES, salt))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the form of :meth:`__str__`.

        :raises ValueError: it is not such a hash, or asks for more memory or time than allowed.
        """
        found = _HASH.fullmatch(text)
        if found is None:
            raise ValueError(f"is not a hash; {_HOW}")
        log2_n, blocks, lanes = (int(number) for number in found.groups()[:3])
        allowed = 0 < log2_n <= _MOST_LOG2_N and 0 < blocks <= _MOST_BLOCKS and 0 < lanes <= _MOST_LANES
        try:
            salt, digest = (a2b_base64(part, strict_mode=True) for part in found.groups()[3:])
        except Error:
            allowed = False
        if not allowed or len(digest) != _DIGEST_BYTES:
            raise ValueError(f"is a damaged hash; {_HOW}")
        return cls(log2_n, blocks, lanes, salt, digest)

    def __str__(self) -> str:
        salt, digest = (b64encode(part).decode() for part in (self.salt, self.digest))
        return f"scrypt${self.log2_n}${self.blocks}${self.lanes}${salt}${digest}"

    def matches(self, password: str) -> bool:
        """Return whether this is the password; takes about a fifth of a second of one processor."""
        return compare_digest(self.digest, _scrypt(password, self.log2_n, self.blocks, self.lanes, self.salt))


def _scrypt(password: str, log2_n: int, blocks: int, lanes: int, salt: bytes) -> bytes:
    n = 1 << log2_n
    memory = 128 * blocks * (n + lanes + 2)  # what it needs, by RFC 7914; OpenSSL refuses to take more
    return scrypt(password.encode(), salt=salt, n=n, r=blocks, p=lanes, maxmem=memory, dklen=_DIGEST_BYTES)


@dataclass(frozen=True, slots=True)
class ConsoleLogin:
    """Somebody who may log in."""

    name: str
    role: ConsoleRole
    hash: PasswordHash

    def __str__(self) -> str:
        """Return the line of the file."""
        return f"{self.name}:{self.role}:{self.hash}"


def make_login(name: str, role: ConsoleRole, password: str) -> ConsoleLogin:
    """Make a login with a new hash.

    :raises ValueError: the name or the password cannot be used.
    """
    _require_name(name)
    if len(password) < SHORTEST_PASSWORD:
        raise ValueError(f"the password has {len(password)} characters; take {SHORTEST_PASSWORD} or more")
    if len(password) > LONGEST_PASSWORD:
        raise ValueError(f"the password has {len(password)} characters; take at most {LONGEST_PASSWORD}")
    return ConsoleLogin(name, role, PasswordHash.of(password))


def read_logins(file: Path) -> dict[str, ConsoleLogin]:
    """Return the logins of a file by their names; blank lines and those that begin with # do not count.

    :raises ConfigError: with all problems; none shows a part of a password or of a hash.
    """
    text = read_text(file, f"create it, a line for each login: {_HOW}")
    if file.stat().st_mode & (stat.S_IROTH | stat.S_IWOTH):
        raise ConfigError(
            [Problem(str(file), 0, "logins", "everybody on this machine can read or change it; run chmod o-rw on it")]
        )
    logins: dict[str, ConsoleLogin] = {}
    problems: list[Problem] = []
    for number, line in _lines(text):
        try:
            login = _login(line)
            if login.name in logins:
                raise ValueError(f"{login.name} has a line already; keep one of them")
            logins[login.name] = login
        except ValueError as error:
            problems.append(Problem(str(file), number, "login", str(error)))
    if not logins and not problems:
        problems.append(Problem(str(file), 0, "logins", f"there is no login in it; {_HOW}"))
    if problems:
        raise ConfigError(problems)
    return logins


def _lines(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            yield number, line.strip()


def _login(line: str) -> ConsoleLogin:
    parts = line.split(":")
    if len(parts) != _FIELDS:
        raise ValueError(f"is not NAME:ROLE:HASH; {_HOW}")
    name, role, hashed = parts
    _require_name(name)
    known = next((word for word in ROLES if word == role), None)
    if known is None:
        raise ValueError(f"the role of {name} is not a known one; {did_you_mean(role, ROLES)}")
    try:
        return ConsoleLogin(name, known, PasswordHash.parse(hashed))
    except ValueError as error:
        raise ValueError(f"what {name} has after the role {error}") from None


def _require_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise ValueError("the name is not one of up to 64 letters, digits and . _ @ -; write one such as anna")


@dataclass(slots=True)
class LoginFile:
    """The logins of a running process: a changed file is read again, and one that cannot be read lets nobody in."""

    path: Path
    _logins: Mapping[str, ConsoleLogin] = field(default_factory=dict)
    _seen: FileState | Literal["never"] | None = "never"
    _lock: Lock = field(default_factory=Lock)

    def find(self, name: str) -> ConsoleLogin | None:
        """Return the login of this name as the file has it now; None if it has none."""
        with self._lock:
            state = file_state(self.path)
            if state != self._seen:
                self._seen = state
                self._read()
            return self._logins.get(name)

    def _read(self) -> None:
        try:
            self._logins = read_logins(self.path)
        except ConfigError as error:
            self._logins = {}
            logger.error("event=logins-unreadable nobody can log in: %s", error)  # noqa: TRY400 - no bug
        else:
            logger.info("event=logins-read file=%s logins=%d", self.path, len(self._logins))
