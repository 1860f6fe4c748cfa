"""Options and arguments that several commands share."""

from pathlib import Path

import click

config_option = click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The settings file (else RSVPQ_CONFIG, else ./rsvpq.toml).",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")
