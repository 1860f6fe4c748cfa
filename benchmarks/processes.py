"""Read CPU seconds and peak memory of a process and its children from /proc."""

import os
from collections.abc import Iterator
from pathlib import Path

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")
#: Fields of /proc/PID/stat after the command's name: user, system, and the same of children that have ended.
_TIMES = slice(11, 15)


def cpu_s(pid: int) -> float:
    """Return the CPU time of a process and all its descendants, including those that have ended and were waited for."""
    return sum(sum(map(int, fields[_TIMES])) for fields in map(_stat, tree(pid))) * _TICK_S


def peak_mb(pid: int) -> float:
    """Return the sum of the peak resident sizes of a process and all its descendants, in MB (1,000,000 bytes)."""
    return sum(map(_peak_kib, tree(pid))) * 1024 / 1_000_000


def tree(pid: int) -> Iterator[int]:
    """Return a process and all its descendants."""
    yield pid
    for task in (_PROC / str(pid) / "task").glob("*/children"):
        for child in task.read_text().split():
            yield from tree(int(child))


def _stat(pid: int) -> list[str]:
    # The command's name is in parentheses and may hold anything.
    return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()


def _peak_kib(pid: int) -> int:
    lines = (_PROC / str(pid) / "status").read_text().splitlines()
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), 0)
