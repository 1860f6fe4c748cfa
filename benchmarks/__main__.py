"""``python -m benchmarks [PART ...]``: run benchmarks, print their tables, and write them down when asked."""

import argparse
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from benchmarks import answering, ews, fairness, idle, machine, memory, outage, scale
from benchmarks.arms.run import ARMS
from benchmarks.stub_server import Failed
from benchmarks.tables import Table, write
from testbed.processes import PartFailed

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
#: Whatever ends the benchmarks ends what they started.
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
#: It takes more than half an hour, so it has to be asked for.
_LONG = "outage"
Part = Callable[[argparse.Namespace], list[Table]]


def main() -> int:
    """Run the benchmarks; return 1 if a run failed, 130 if it was interrupted."""
    options = _options()
    for number in _ENDING:
        signal.signal(number, _interrupt)
    started = time.monotonic()
    described = machine.describe()
    tables: list[Table] = []
    code = _measure(options, tables)
    took = f"{options.rounds} rounds, {(time.monotonic() - started) / 60:.0f} minutes."
    text = "\n".join([f"{described} {took}\n", *(table.to_markdown() for table in tables)])
    sys.stdout.write(text)
    if options.write and code == 0:
        write(PAGE, text)
    return code


def _measure(options: argparse.Namespace, tables: list[Table]) -> int:
    """Run the parts one after the other; what was measured before a failure is kept."""
    try:
        for name in options.parts:
            tables += _PARTS[name](options)
    except (Failed, PartFailed, TimeoutError, FileNotFoundError, subprocess.CalledProcessError) as error:
        say(f"failed: {error}")
        return 1
    except KeyboardInterrupt:
        say("interrupted; everything that was started has been ended")
        return 130
    return 0


def _interrupt(*_: object) -> None:
    """End once: a second Ctrl-C must not interrupt the ending of what was started."""
    for number in _ENDING:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(_PARTS)} (default: all but {_LONG})")
    parser.add_argument("--rounds", type=int, help="rounds of each measurement (default 5; 1 with --quick)")
    parser.add_argument("--messages", type=int, default=500, help="answers measured in a run (default %(default)s)")
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=[*ARMS], help="what answers (default: all)")
    parser.add_argument("--quick", action="store_true", help="one round, small: shows that it works, not how fast")
    parser.add_argument("--write", action="store_true", help=f"write the tables into {PAGE.name}")
    options = parser.parse_args()
    unknown = [name for name in options.parts if name not in _PARTS]
    if unknown:
        parser.error(f"no part {', '.join(unknown)}; there are {', '.join(_PARTS)}")
    options.parts = options.parts or [name for name in _PARTS if name != _LONG]
    options.rounds = options.rounds or (1 if options.quick else 5)
    return options


def say(line: str) -> None:
    """Print the progress."""
    sys.stderr.write(line + "\n")


def _answering(options: argparse.Namespace) -> list[Table]:
    size = answering.Size(options.rounds, options.messages, arms=[ARMS[name] for name in options.arms])
    return answering.run(replace(size, mailboxes=20, threads=8, latencies_ms=(0,)) if options.quick else size, say)


def _ews(options: argparse.Namespace) -> list[Table]:
    size = ews.Size(options.rounds, options.messages)
    return ews.run(replace(size, mailboxes=10, threads=4) if options.quick else size, say)


def _scale(options: argparse.Namespace) -> list[Table]:
    size = scale.Size(options.rounds, max(1, options.messages // 2))
    return scale.run(replace(size, mailboxes=(100, 300), scans=20, batches=2) if options.quick else size, say)


def _memory(options: argparse.Namespace) -> list[Table]:
    return memory.run(mailboxes=200 if options.quick else 10_000)


def _idle(options: argparse.Namespace) -> list[Table]:
    return idle.run(options.rounds, *((0.5, 500) if options.quick else (5.0, 10_000)), say)


def _fairness(options: argparse.Namespace) -> list[Table]:
    quick = fairness.Size(mailboxes=12, requests=2, deep=60)
    return fairness.run(quick if options.quick else fairness.Size(), say)


def _outage(options: argparse.Namespace) -> list[Table]:
    quick = outage.Size(outage_s=6, mailboxes=6, invite_every_s=1, scan_every_s=2)
    return outage.run(quick if options.quick else outage.Size(), say)


_PARTS: Mapping[str, Part] = {
    "answering": _answering,
    "ews": _ews,
    "scale": _scale,
    "memory": _memory,
    "idle": _idle,
    "fairness": _fairness,
    _LONG: _outage,
}

if __name__ == "__main__":
    sys.exit(main())
