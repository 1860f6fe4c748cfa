"""Problems in a configuration, described for the person who has to correct them.

Independent of TOML, CSV, pydantic and the environment: the modules that read those report what they find.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

from rsvpq.text import printable

#: The ``file`` of a problem that an environment variable caused.
ENVIRONMENT: Literal["environment"] = "environment"


@dataclass(frozen=True, slots=True)
class Problem:
    """One line for the operator: ``FILE:LINE: FIELD: what is wrong; remedy``.

    ``line`` is 0 for a problem without a line: an environment variable, or a file that cannot be read.
    """

    file: str
    line: int
    field: str
    text: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        line = f"{where}: {self.field}: {self.text}"
        # A name in a file may contain anything; it must neither break the line nor send commands to the terminal.
        return printable(line)


class ConfigError(Exception):
    """The configuration cannot be used; ``problems`` has all the reasons, and ``str()`` shows one line for each.

    ``most_shown`` limits the text, not ``problems``: a CSV file with the wrong separator is wrong in every row.
    """

    def __init__(self, problems: Iterable[Problem], most_shown: int | None = None) -> None:
        self.problems = tuple(problems)
        shown = self.problems[:most_shown]
        hidden = len(self.problems) - len(shown)
        lines = [*map(str, shown), *([f"... and {hidden} more; {len(self.problems)} in all"] if hidden else [])]
        super().__init__("\n".join(lines))


def in_file_order(problems: Iterable[Problem]) -> list[Problem]:
    """Sort problems by line; those that the environment caused come last."""
    return sorted(problems, key=lambda problem: (problem.file == ENVIRONMENT, problem.line))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return the remedy for an unknown name: the most similar known name, else all known names if they are few."""
    names = {name.casefold(): name for name in known}
    close = get_close_matches(word.casefold(), names, n=1)
    if close:
        return f"did you mean {names[close[0]]}?"
    few = 12
    if 0 < len(names) <= few:
        return f"use one of: {', '.join(sorted(names.values()))}"
    return "check the spelling"
