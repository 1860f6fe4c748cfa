"""`--switch`, `--fault` and `--list-switches`: what can be turned, as it stands when the servers start."""

import argparse
import sys
from collections.abc import Sequence

from simulator.behavior import Behavior
from simulator.oracle.controls import Controls
from simulator.oracle.switches import SwitchError, changed, parse_assignment, table
from simulator.serving.faults import Fault, FaultError, FaultKind, Faults, Step, parse_option
from simulator.world.state import World


class _ListSwitches(argparse.Action):
    """Prints the table of switches and ends."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        _namespace: argparse.Namespace,
        _values: str | Sequence[object] | None,
        _option_string: str | None = None,
    ) -> None:
        sys.stdout.write(table())
        parser.exit()


def add_control_options(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    group = parser.add_argument_group("behavior", "can be turned at ORACLE/_oracle/switches and /faults as well")
    group.add_argument(
        "--switch",
        action="append",
        default=[],
        type=_assignment,
        metavar="NAME=VALUE",
        help="a choice of the servers, or uncertain=SEED for all that public evidence leaves open; repeatable",
    )
    group.add_argument(
        "--fault",
        action="append",
        default=[],
        type=_fault,
        metavar="STEP:KIND[:RATE[:TIMES]]",
        help=f"steps: {', '.join(Step)}; kinds: {', '.join(FaultKind)}; repeatable",
    )
    group.add_argument("--list-switches", action=_ListSwitches, nargs=0, help="print the table of switches and end")


def build_controls(options: argparse.Namespace, world: World, servers: int) -> Controls:
    """Build the controls from the options; the random choices of faults depend on `--seed`."""
    return Controls(world, servers, changed(Behavior(), dict(options.switch)), Faults(options.seed, options.fault))


def _assignment(text: str) -> tuple[str, str]:
    try:
        name, value = parse_assignment(text)
        changed(Behavior(), {name: value})
    except SwitchError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return name, value


def _fault(text: str) -> Fault:
    try:
        return parse_option(text)
    except FaultError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
