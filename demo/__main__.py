"""Start everything on this machine, scan all mailboxes once through the queue, and report what really happened.

Exits with 0 only if the simulated servers say that nothing was lost, done twice, or pressed over a limit.
"""

import argparse
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from demo.progress import watch
from demo.summary import Report, print_report
from rsvpq import wiring
from rsvpq.lanes import Lanes
from rsvpq.settings import load_settings
from testbed.processes import PartFailed
from testbed.simulated_exchange import World
from testbed.stack import EVERYTHING, Plan, Stack

_SERVERS = 3
#: How each server is reached; `mixed` is a site in the middle of its migration.
_PROTOCOLS = {"webdav": ("webdav",), "ews": ("ews",), "mixed": ("webdav", "webdav", "ews")}
#: What an operator begins with, who has said no more than who belongs to the house.
_GUARDED = '[policy]\ninternal_domains = ["example.com"]\n'
#: Seconds between two looks at whether all parts live.
_LOOK_S = 0.5
#: Whatever ends the demo ends what it started.
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> int:
    """Run the demo; the exit code."""
    arguments = _arguments()
    console = Console()
    for number in _ENDING:
        signal.signal(number, _interrupt)
    try:
        with _foreground(), _directory() as directory:
            return _run(directory, arguments, console)
    except KeyboardInterrupt:
        console.print("interrupted; everything that was started has been ended")
        return 130
    except (PartFailed, TimeoutError, FileNotFoundError) as error:
        console.print(f"[bold red]failed[/]: {error}", highlight=False)
        return 1


def _interrupt(*_: object) -> None:
    """End once: a second Ctrl-C must not interrupt the ending of what was started."""
    _ignore(_ENDING)
    raise KeyboardInterrupt


def _ignore(numbers: Iterable[signal.Signals]) -> None:
    for number in numbers:
        signal.signal(number, signal.SIG_IGN)


@contextmanager
def _foreground() -> Iterator[None]:
    """Let Ctrl-C reach the demo alone: make would get it too, and end with an error whatever the demo does."""
    terminal = sys.stdin.fileno()
    if not os.isatty(terminal) or os.tcgetpgrp(terminal) != os.getpgrp() or os.getpgrp() == os.getpid():
        yield  # no terminal, in the background, or started by a shell, in a group of its own already
        return
    before = os.getpgrp()
    _ignore((signal.SIGTTOU, signal.SIGTSTP))  # to take the terminal; nobody would continue what Ctrl-Z stops
    os.setpgid(0, 0)
    os.tcsetpgrp(terminal, os.getpgrp())
    try:
        yield
    finally:
        os.tcsetpgrp(terminal, before)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--mailboxes", type=int, default=200, metavar="N", help="mailboxes (default 200)")
    parser.add_argument("--deep", type=int, default=2000, metavar="D", help="requests in one of them (default 2000)")
    parser.add_argument("--seed", type=int, default=1, metavar="K", help="another seed makes other mailboxes")
    parser.add_argument(
        "--protocol", choices=_PROTOCOLS, default="mixed", help="of the servers; mixed (default): one of them has EWS"
    )
    parser.add_argument("--keep", action="store_true", help="leave everything up until Ctrl-C")
    parser.add_argument(
        "--tour", action="store_true", help="the safe defaults, nothing confirmed and nothing scanned yet; left up"
    )
    return parser.parse_args()


@contextmanager
def _directory() -> Iterator[Path]:
    """Provide a directory for settings, secrets and logs, which is removed after the demo."""
    path = Path(tempfile.mkdtemp(prefix="rsvpq-demo-"))
    try:
        yield path
    finally:
        shutil.rmtree(path)


def _run(directory: Path, arguments: argparse.Namespace, console: Console) -> int:
    world = World(arguments.mailboxes, 8, 4, arguments.deep, _SERVERS, arguments.seed, latency_ms=1, organized=100)
    policy = _GUARDED if arguments.tour else EVERYTHING
    namespace = f"rsvpq-demo-{os.getpid()}"
    protocols = _PROTOCOLS[arguments.protocol]
    plan = Plan(
        world,
        answer_workers=2,
        dispatchers=2,
        flower=True,
        console=True,
        policy=policy,
        namespace=namespace,
        protocols=protocols,
        persist=arguments.tour or arguments.keep,  # then the queue server may be killed as well
        forked=False,
    )
    stack = Stack(directory, plan, say=lambda line: console.print(line, highlight=False, soft_wrap=True))
    try:
        with stack:
            lanes = wiring.make_lanes(load_settings(stack.config))
            _logins(stack, console)
            if arguments.tour:
                _keep(stack, console)
                return 0
            console.print(f"$ rsvpq scan --all\n{_trigger(stack)}", highlight=False)
            report = Report.read(stack, lanes, watch(stack, lanes, console))
            print_report(report, console)
            if arguments.keep:
                _keep(stack, console)
            return 0 if report.good else 1
    finally:
        if stack.borrowed_redis and stack.config.exists():
            _forget(wiring.make_lanes(load_settings(stack.config)))


def _logins(stack: Stack, console: Console) -> None:
    for name, url, user, password in (
        ("Flower", stack.flower_url, stack.flower_user, stack.secrets["flower"]),
        ("console", stack.console_url, stack.console_user, stack.secrets["console"]),
    ):
        console.print(f"{name}: {url}  user {user}  password {password}", highlight=False, soft_wrap=True)


def _trigger(stack: Stack) -> str:
    """Scan everything by the operator's command, which only puts one task into the queue."""
    run = stack.rsvpq("scan", "--all")
    if run.returncode != 0:
        raise PartFailed(f"{' '.join(run.args)} failed:\n{run.stderr}")
    return run.stdout.strip()


def _keep(stack: Stack, console: Console) -> None:
    signals: list[int] = []
    for number in _ENDING:  # an exception could lose a part that is just being started again
        signal.signal(number, lambda number, _: signals.append(number))
    console.print("\neverything stays up; Ctrl-C ends it. In another terminal:", highlight=False)
    console.print(f"  export RSVPQ_CONFIG={stack.config} PATH=$PWD/.venv/bin:$PATH", highlight=False, soft_wrap=True)
    console.print("  rsvpq status      and what else docs/tour.md tries", highlight=False)
    _logins(stack, console)
    console.print("what docs/tour.md kills, which is then started again:", highlight=False)
    for name, part in stack.parts.items():
        if name != "simulator":
            console.print(f"  {part.pid:>8}  {name}", highlight=False)
    _supervise(stack, console, signals)
    console.print("everything that was started is ended now")


def _supervise(stack: Stack, console: Console, signals: Sequence[int]) -> None:
    """Start again what ends, until a signal has come.

    :raises PartFailed: the simulator ended, and all mailboxes with it.
    """
    while not signals:
        for before, now in stack.revive():
            line = f"{now.name} (process {before.pid}) has ended; started again as process {now.pid}"
            console.print(line, highlight=False, soft_wrap=True)
        stack.parts["simulator"].check()
        time.sleep(_LOOK_S)
    _ignore(_ENDING)


def _forget(lanes: Lanes) -> None:
    """Remove what the demo wrote into a Redis that is somebody else's."""
    namespace = lanes.namespace.prefix.strip("{}")
    for pattern in (f"{lanes.namespace.prefix}:*", f"{namespace}:*"):
        for key in lanes.namespace.redis.scan_iter(match=pattern, count=1000):
            lanes.namespace.redis.delete(key)


if __name__ == "__main__":
    sys.exit(main())
