"""Read text files that people wrote with any editor, and say why one cannot be written."""

import errno
from pathlib import Path

from rsvpq.settings.problems import ConfigError, Problem

#: Time of the last change in nanoseconds, size, and inode: if one differs, somebody has written the file.
FileState = tuple[int, int, int]


def file_state(file: Path) -> FileState | None:
    """Return the state of a file; None if it cannot be looked at."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def read_text(file: Path, remedy: str) -> str:
    """Return the UTF-8 text of a file, without the byte order mark of Windows editors, with LF as line end.

    :raises ConfigError: the file cannot be read (``remedy`` says what to do then), or is not UTF-8.
    """
    try:
        return file.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        problem = Problem(str(file), line, "text", "is not UTF-8; save the file as UTF-8")
    except OSError as error:
        problem = Problem(str(file), 0, "file", f"cannot be read ({error.strerror}); {remedy}")
    raise ConfigError([problem])


def write_remedy(error: OSError) -> str:
    """Return what to do about a file that cannot be written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return "make room there"
    if error.errno in (errno.EACCES, errno.EPERM):
        return "run this as a user that may write there"
    if error.errno in (errno.EROFS, errno.EBUSY):  # EBUSY: a file that is mounted by itself cannot be replaced
        return "write it where it is mounted from"
    return "choose another folder"
