"""The option ``--config``, which may stand before or after a command; imports nothing that takes time."""

from pathlib import Path
from typing import Any

import click


def _given_before(context: click.Context, parameter: click.Parameter, value: Any) -> Any:
    """Return the value of the option, or the one given before the command, as in ``rsvpq --config FILE status``.

    :raises click.UsageError: it is given at both places.
    """
    before = None
    above = context.parent
    while before is None and above is not None:
        before, above = above.params.get(parameter.name or ""), above.parent
    if value is not None and before is not None:
        raise click.UsageError("--config is given before the command too; give it once")
    return value if before is None else before


config_option = click.option(
    "--config",
    "config_file",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    callback=_given_before,
    help="Settings file.  [default: RSVPQ_CONFIG, else ./rsvpq.toml]",
)
