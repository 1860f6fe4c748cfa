"""Reading a text that a person wrote with whatever editor they have."""

from pathlib import Path

from rsvpq.settings.problems import ConfigError, Problem


def read_text(file: Path, remedy: str) -> str:
    """The UTF-8 text of ``file``, without the byte order mark that Windows editors put in front, lines ended by LF.

    :raises ConfigError: it cannot be read (then ``remedy`` says what to do), or is not UTF-8.
    """
    try:
        return file.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        problem = Problem(str(file), line, "text", "is not UTF-8; save the file as UTF-8")
    except OSError as error:
        problem = Problem(str(file), 0, "file", f"cannot be read ({error.strerror}); {remedy}")
    raise ConfigError([problem])
