"""Commands that refuse an option without effect: given twice, or before a command that does not see it.

Click takes the last value and says nothing: a status of two groups would be that of one. Imports nothing that takes
time.
"""

from collections import Counter
from typing import Any

import click
from click.core import ParameterSource


class StrictCommand(click.Command):
    """A command whose options with one value are given once; a flag may be repeated, as that changes nothing."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the command line.

        :raises click.UsageError: an option is given whose value would be overwritten.
        """
        given = self.make_parser(ctx).parse_args(args=list(args))[2]
        for parameter, times in Counter(given).items():
            if times > 1 and isinstance(parameter, click.Option) and _takes_one_value(parameter):
                only = f"{'/'.join(parameter.opts)} is given {times} times, and only the last one would count"
                raise click.UsageError(f"{only}; give it once", ctx)
        return super().parse_args(ctx, args)


class StrictGroup(StrictCommand, click.Group):
    """Such a command with commands below it, which do not see its options but for ``--config``."""

    command_class = StrictCommand
    group_class = type

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Return the command below, as click does.

        :raises click.UsageError: an option stands before it that it does not see.
        """
        found = super().resolve_command(ctx, args)
        name, command, _ = found
        for option in self.params:
            # Whatever follows --config finds it in the context above: see config_file.py.
            if command is not None and option.name != "config_file" and _is_given(ctx, option):
                seen = any(set(option.opts) & set(other.opts) for other in command.params)
                remedy = f"; write it after {name}" if seen else " and has no such option; leave it out"
                unseen = f"{option.opts[0]} stands before the command {name}, which does not see it"
                raise click.UsageError(unseen + remedy, ctx)
        return found


def _takes_one_value(option: click.Option) -> bool:
    return not (option.multiple or option.is_flag)


def _is_given(context: click.Context, option: click.Parameter) -> bool:
    return bool(option.name) and context.get_parameter_source(str(option.name)) is ParameterSource.COMMANDLINE
