"""What is wrong with a configuration, in the words of the person who has to correct it.

Knows nothing of TOML, CSV, pydantic or the environment: those who read them say what they found.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

from rsvpq.text import printable

#: The ``file`` of a problem that was caused by an environment variable.
ENVIRONMENT: Literal["environment"] = "environment"


@dataclass(frozen=True, slots=True)
class Problem:
    """One line for the operator: ``FILE:LINE: FIELD: what is wrong; remedy``.

    ``line`` is 0 where there is none: an environment variable, or a file that cannot be read at all.
    """

    file: str
    line: int
    field: str
    text: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        line = f"{where}: {self.field}: {self.text}"
        # A name out of a file may hold anything; it must neither break the line nor reach the terminal as a command.
        return printable(line)


class ConfigError(Exception):
    """The configuration cannot be used; ``problems`` says why, all of it, and ``str()`` shows one line for each.

    ``most_shown`` bounds the text, not the problems: a CSV with the wrong separator is wrong in every row.
    """

    def __init__(self, problems: Iterable[Problem], most_shown: int | None = None) -> None:
        self.problems = tuple(problems)
        shown = self.problems[:most_shown]
        hidden = len(self.problems) - len(shown)
        lines = [*map(str, shown), *([f"... and {hidden} more; {len(self.problems)} in all"] if hidden else [])]
        super().__init__("\n".join(lines))


def in_file_order(problems: Iterable[Problem]) -> list[Problem]:
    """By line; what the environment caused comes last."""
    return sorted(problems, key=lambda problem: (problem.file == ENVIRONMENT, problem.line))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The remedy for a name nobody knows: the one that looks like it, else (if they are few) all that there are."""
    names = {name.casefold(): name for name in known}
    close = get_close_matches(word.casefold(), names, n=1)
    if close:
        return f"did you mean {names[close[0]]}?"
    few = 12
    if 0 < len(names) <= few:
        return f"known here: {', '.join(sorted(names.values()))}"
    return "look for a typing error"
