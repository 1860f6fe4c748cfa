"""``rsvpq init``: write the files of a new installation, after a look at Redis and at the mail server."""

import re
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import click

from rsvpq.cli.config import Checked, check_configuration
from rsvpq.cli.doctor import show_notes
from rsvpq.cli.documents import print_action
from rsvpq.cli.options import json_option
from rsvpq.cli.strict import StrictCommand
from rsvpq.doctor.checks import examine
from rsvpq.mail.persons import is_plain_smtp
from rsvpq.ops import InvalidRequest, first_files
from rsvpq.settings import ConfigError, did_you_mean
from rsvpq.settings.redis_settings import RedisSettings
from rsvpq.settings.remedies import value_problem
from rsvpq.settings.servers import PROTOCOLS, ServerSettings
from rsvpq.settings.text_files import read_text
from rsvpq.text import printable

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FOLDER = click.Path(file_okay=False, path_type=Path)


def _server_name(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", value):
        raise click.BadParameter(f"{value!r} is not a server name; use lowercase letters, digits and hyphens")
    return value


@dataclass(frozen=True, slots=True)
class _Given:
    """What the options say; None or empty for what they do not."""

    name: str
    protocol: str | None
    url: str | None
    username: str | None
    password_file: Path | None
    auth: str | None
    allow_http: bool
    list_file: Path | None
    mailboxes: Sequence[str]
    domains: Sequence[str]
    redis_url: str | None
    redis_password_file: Path | None
    units: Path | None
    no_units: bool
    no_probe: bool
    force: bool
    non_interactive: bool


@dataclass(slots=True)
class _Questions:
    """Asks for what no option has given; in a script, collects what is missing."""

    interactive: bool
    missing: list[str] = field(default_factory=list)

    def ask(
        self, given: str | None, option: str, text: str, check: Callable[[str], str] = lambda _: "", **more: Any
    ) -> str:
        """Return the given value, else the answer to the question, which is repeated until the answer is right.

        :param check: says what is wrong with a value; '' if nothing is.
        :raises click.UsageError: the given value is wrong, and questions would follow.
        """
        if given:
            if self.interactive and (problem := check(given)):
                raise click.UsageError(f"{option}: {problem}")
            return given
        if self.interactive:
            answer: str = click.prompt(text, value_proc=partial(_right, check=check), **more)
            return answer
        if "default" not in more:
            self.missing.append(option)
        return str(more.get("default", ""))


def _right(answer: str, check: Callable[[str], str]) -> str:
    if problem := check(answer):
        raise click.UsageError(problem)  # click shows it, and asks again
    return answer


@click.command(cls=StrictCommand)
@click.option("--directory", type=_FOLDER, default=Path(), help="Where the files are written.  [default: .]")
@click.option(
    "--server", "name", default="hq1", show_default=True, callback=_server_name, help="Its name in the settings."
)
@click.option("--protocol", type=click.Choice(["webdav", "ews"]), help="webdav: Exchange 2000-2007; ews: 2007 SP1-SE.")
@click.option("--url", help="Of the mail server, such as https://mail.example.com.")
@click.option("--username", help=r"The account, such as EXAMPLE\svc-rsvpq.")
@click.option("--password-file", type=_FILE, help="A file with its password; otherwise asked for.")
@click.option("--auth", type=click.Choice(["basic", "ntlm", "negotiate", "forms"]), help="How to log in.")
@click.option("--allow-http", is_flag=True, help="Accept a URL with http: the password is not encrypted.")
@click.option("--list", "list_file", type=_FILE, help="A list of mailboxes (CSV), which is copied.")
@click.option("--mailbox", "mailboxes", multiple=True, help="Instead of a list: a mailbox; may be repeated.")
@click.option("--internal-domain", "domains", multiple=True, help="One of your own domains; may be repeated.")
@click.option("--redis", "redis_url", help="Such as redis://127.0.0.1:6379/0.")
@click.option("--redis-password-file", type=_FILE, help="A file with its password.")
@click.option("--units", type=_FOLDER, help="Where the units of systemd are written.  [default: DIRECTORY/systemd]")
@click.option("--no-units", is_flag=True, help="Write no units.")
@click.option("--no-probe", is_flag=True, help="Look neither at Redis nor at the mail server.")
@click.option("--force", is_flag=True, help="Replace files that are there already.")
@click.option("--non-interactive", is_flag=True, help="Ask nothing.")
@json_option
def init(directory: Path, as_json: bool, **options: Any) -> None:
    """Write rsvpq.toml, the secrets, the list of mailboxes and the units of systemd of a new installation.

    Asks for what no option says. Before anything is written, the settings are checked as by 'config check', and Redis
    and the mail server as by 'doctor'. The mode is observe: nothing will be answered.
    """
    directory, given = directory.absolute(), _Given(**options)
    try:
        new = _known(directory, given)
        files = {directory / path: content for path, content in new.settings_files().items()}
        if not given.no_units:
            files |= new.unit_files((given.units or directory / "systemd").absolute(), Path(sys.prefix))
        if not given.force and (there := first_files.existing(files)):
            names = ", ".join(map(str, there))
            raise InvalidRequest(f"{names} {'is' if len(there) == 1 else 'are'} there already; --force replaces them")
        checked = _check(new, _probe(directory, given, show=not as_json))
        wrote = list(map(str, first_files.write_files(files, force=given.force)))
    except InvalidRequest as error:
        raise click.ClickException(printable(str(error))) from None
    if not as_json:
        click.echo("\n".join(printable(f"wrote {path}") for path in wrote))
    done = f"next: RSVPQ_CONFIG={directory / 'rsvpq.toml'} rsvpq config check, then docs/deployment.md"
    notes = [f"{warning.field}: {warning.text}" for warning in checked.warnings]
    print_action("init", done, as_json=as_json, warnings=notes, facts={"files": wrote})


def _known(directory: Path, given: _Given) -> first_files.NewInstallation:
    """Ask for what was not given.

    :raises click.UsageError: something is missing, and nobody may be asked.
    """
    questions = _Questions(interactive=not given.non_interactive)
    ask = questions.ask
    protocol = ask(given.protocol, "--protocol", "Protocol (webdav, ews)", _no_protocol)
    table = PROTOCOLS.get(protocol, ServerSettings)
    url = partial(value_problem, table, "url", allow_http=given.allow_http)
    new = first_files.NewInstallation(
        directory=directory,
        name=given.name,
        protocol=protocol,
        url=ask(given.url, "--url", "URL of the mail server", url),
        username=ask(given.username, "--username", r"Account, such as EXAMPLE\svc-rsvpq"),
        password=ask(_secret(given.password_file), "--password-file", "Its password", hide_input=True),
        auth=ask(given.auth, "--auth", "Login", partial(value_problem, table, "auth"), default="basic"),
        allow_http=given.allow_http,
        rows=_rows(given, ask, by_address=table.by_address),
        redis_url=ask(
            given.redis_url,
            "--redis",
            "Redis",
            partial(value_problem, RedisSettings, "url"),
            default=first_files.LOCAL_REDIS,
        ),
        redis_password=ask(
            _secret(given.redis_password_file),
            "--redis-password-file",
            "Its password, empty for none",
            default="",
            hide_input=True,
            show_default=False,
        ),
        internal_domains=given.domains,
    )
    if questions.missing:
        raise click.UsageError(f"with --non-interactive, give {', '.join(questions.missing)}")
    if new.internal_domains:
        return new
    addresses = (line.partition(",")[0].rpartition("@")[2] for line in new.rows.splitlines() if "@" in line)
    guess = next(addresses, "")
    domains = ask("", "--internal-domain", "Your own domains, with commas between", default=guess)
    return replace(new, internal_domains=[domain.strip() for domain in domains.split(",") if domain.strip()])


def _rows(given: _Given, ask: Callable[..., str], *, by_address: bool) -> str:
    file: Path | str | None = given.list_file
    if file is None and not given.mailboxes:
        question = "List of mailboxes (a CSV file; empty: one mailbox)"
        file = ask("", "--list", question, _no_file, default="", show_default=False)
    if file:
        return read_text(Path(file), "correct the path")
    check = _no_address if by_address else lambda _: ""
    question = "A mailbox to begin with, such as adele@example.com"
    return first_files.list_of(given.mailboxes or [ask("", "--mailbox", question, check)], given.name)


def _no_protocol(answer: str) -> str:
    return "" if answer in PROTOCOLS else f"{answer!r} is not a known value; {did_you_mean(answer, PROTOCOLS)}"


def _no_file(answer: str) -> str:
    return "" if not answer or Path(answer).is_file() else f"there is no file {answer}; correct the path"


def _no_address(answer: str) -> str:
    return "" if is_plain_smtp(answer) else f"{answer!r} is not an SMTP address; write it as adele@example.com"


def _secret(file: Path | None) -> str:
    return "" if file is None else read_text(file, "correct the path").rstrip("\n")


def _probe(directory: Path, given: _Given, *, show: bool) -> Callable[[Checked], None]:
    """Return what looks at Redis and at the mail server, and asks whether to go on if something fails."""

    def probe(checked: Checked) -> None:
        failed = False
        trial = str(checked.loaded.origins.file.parent)
        for notes in examine(checked.loaded):
            findings = [replace(one, text=one.text.replace(trial, str(directory))) for one in notes.findings]
            if show:
                show_notes(replace(notes, findings=findings))
            failed = failed or notes.failed
        if not failed:
            return
        if given.non_interactive or not show:
            raise InvalidRequest("something failed, so nothing was written; correct it, or use --no-probe")
        click.confirm("Something failed. Write the files anyway?", abort=True)

    return (lambda _: None) if given.no_probe else probe


def _check(new: first_files.NewInstallation, probe: Callable[[Checked], None]) -> Checked:
    """Check the settings in a folder of their own, before they are written where they belong.

    :raises ConfigError: they are wrong. :raises InvalidRequest: a probe failed.
    """
    with tempfile.TemporaryDirectory() as name:
        trial = Path(name)
        first_files.write_files({trial / path: content for path, content in new.settings_files().items()})
        try:
            checked = check_configuration(trial / "rsvpq.toml", {})
        except ConfigError as error:
            problems = (replace(one, file=one.file.replace(name, str(new.directory))) for one in error.problems)
            raise ConfigError(problems, 20) from None
        probe(checked)
        return checked
