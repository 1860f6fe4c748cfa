"""``rsvpq console``: prepare logins of the operator console. ``python -m rsvpq.console`` serves it."""

import sys

import click

from rsvpq.cli.strict import StrictGroup
from rsvpq.settings.logins import ROLES, ConsoleRole, make_login


@click.group(cls=StrictGroup)
def console() -> None:
    """Prepare logins of the operator console."""


@console.command()
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES), required=True, help="viewer: look only; operator: change things too.")
def password(name: str, role: ConsoleRole) -> None:
    """Ask for a password, and print the line of NAME for the file console.logins_file.

    If no terminal is there, the password is the first line of stdin. The line has no password in it, only its hash.
    """
    try:
        click.echo(str(make_login(name, role, _ask())))
    except ValueError as error:
        raise click.ClickException(str(error)) from None


def _ask() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    given: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    return given
