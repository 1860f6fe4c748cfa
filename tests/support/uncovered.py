"""Name every function that no test runs whole: ``python -m tests.support.uncovered``, after `make coverage` measured.

One line for each: the file, the function, and its lines and branches that nothing ran, the largest gaps first.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from coverage import Coverage


def gaps(report: dict[str, Any]) -> Iterator[tuple[int, str]]:
    """Yield each function that was not fully run: how many lines and branches it misses, and the reason given."""
    for file, found in report["files"].items():
        for name, function in found["functions"].items():
            lines, branches = function["missing_lines"], function["missing_branches"]
            if lines or branches:
                missing = ", ".join([*map(str, lines), *(f"{start}->{end}" for start, end in branches)])
                yield len(lines) + len(branches), f"{file}: {name or 'the module itself'}: {missing}"


def main() -> None:
    """Print the gaps of the data that the settings name."""
    coverage = Coverage()
    coverage.load()
    with TemporaryDirectory() as directory:
        file = Path(directory) / "coverage.json"
        coverage.json_report(outfile=str(file))
        report = json.loads(file.read_text())
    for _, line in sorted(gaps(report), reverse=True):
        sys.stdout.write(line + "\n")


if __name__ == "__main__":
    main()
