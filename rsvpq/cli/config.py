"""``rsvpq config``: check the configuration before a process uses it, and apply it to those that run.

The check only reads files: it does not connect to Redis or to a mail server. Prints no secret.
"""

import os
import stat
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click

from rsvpq.cli import policy_check
from rsvpq.cli.config_file import config_option
from rsvpq.cli.documents import print_action, print_document, say
from rsvpq.cli.options import json_option, who_option, why_option
from rsvpq.cli.strict import StrictGroup
from rsvpq.http.tls import LEGACY
from rsvpq.lanes.limits import Limits
from rsvpq.ops import InvalidRequest, LedgerContext, configuration, open_context
from rsvpq.ops.schedules import upcoming_runs
from rsvpq.settings import (
    SLOWEST_EWS,
    ConfigError,
    EwsSettings,
    KeyPath,
    LoadedSettings,
    Problem,
    Settings,
    in_file_order,
    load_with_origins,
)
from rsvpq.settings.logins import read_logins
from rsvpq.settings.mailboxes import ListedMailbox, no_such_group, read_mailboxes
from rsvpq.text import counted, duration
from rsvpq.wiring.revisions import Applied

#: The share of threads that means no limit, in percent.
_ALL = 100
#: Seconds to wait for the processes, and between two looks at them.
_LONGEST_WAIT_S, _LOOK_S = 10.0, 0.2
#: How many sentinels can lose one and still elect.
_FEWEST_SENTINELS = 3


@click.group(cls=StrictGroup)
def config() -> None:
    """Check the configuration, or apply it to the running processes."""


@dataclass(frozen=True, slots=True)
class CheckedConfig:
    """A valid configuration: its summary by topic, and what may not be intended."""

    summary: Sequence[tuple[str, str]]
    warnings: Sequence[Problem]


@config.command("check")
@json_option
@config_option
def config_check(as_json: bool, config_file: Path | None) -> None:
    """Check the settings and the list of mailboxes, and summarize them.

    Exits with 2 if anything is wrong. A warning names something that is valid, but may not be intended.
    """
    problems: Sequence[Problem] = ()
    try:
        checked = checked_config(config_file, os.environ)
    except ConfigError as error:
        if not as_json:
            click.echo(str(error), err=True)
        checked, problems = CheckedConfig((), ()), error.problems
    if as_json:
        summary = [{"topic": topic, "text": text} for topic, text in checked.summary]
        found = {"problems": list(map(asdict, problems)), "warnings": list(map(asdict, checked.warnings))}
        print_document({"valid": not problems, "summary": summary, **found})
    elif not problems:
        click.echo("\n".join(report_lines(checked)))
    if problems:
        sys.exit(2)


@config.command("apply")
@why_option
@click.option("--no-wait", is_flag=True, help="Do not wait until the processes have taken them up.")
@who_option
@json_option
@config_option
def config_apply(reason: str, no_wait: bool, who: str, as_json: bool, config_file: Path | None) -> None:
    """Bring the settings and the list of mailboxes into force in the running processes, without a restart.

    Checks them first, as 'config check' does, and shows the same warnings. Each process then reads its own files, and
    takes them up if they are the same; what is under way is finished with the former ones. Keys that need a restart are
    refused.

    Exits with 3 if a process has not taken them up after ten seconds.
    """
    checked = check_configuration(config_file, os.environ)
    context = open_context(checked.loaded.settings, who=who)
    more = configuration.answers_more(context)
    try:
        applied = configuration.apply(context, checked.mailboxes, reason)
    except InvalidRequest as error:
        raise click.ClickException(str(error)) from None
    found = _waited(context, applied, 0 if no_wait else _LONGEST_WAIT_S)
    left = configuration.left(context, checked.mailboxes)
    warnings = [*map(str, checked.warnings), *more, *left, *_kept(found)]
    print_action("apply", _sentence(found), as_json=as_json, warnings=warnings, facts=_to_dict(found))
    if not found.complete and not no_wait:
        sys.exit(3)


def _waited(context: LedgerContext, applied: Applied, longest_s: float) -> configuration.Uptake:
    """Wait until all processes have taken up what was applied, or never will; what Ctrl-C ends is only the wait."""
    deadline = time.monotonic() + longest_s
    try:
        while True:
            found = configuration.uptake(context, applied)
            if found.complete or found.is_overtaken or time.monotonic() >= deadline:
                return found
            time.sleep(_LOOK_S)
    except KeyboardInterrupt:
        say(f"\ninterrupted: applied {applied.revision}, and not waited for: 'rsvpq doctor' says who runs with it")
        sys.exit(130)


def _sentence(found: configuration.Uptake) -> str:
    running = len(found.done)
    run = f"{counted(running, 'process', 'processes')} {'runs' if running == 1 else 'run'}"
    return f"applied {found.applied.revision}: {run} with it"


def _kept(found: configuration.Uptake) -> Iterator[str]:
    if found.is_overtaken:
        yield f"{found.newest.revision} was applied after it, and is what the processes take up"
        return
    for one in found.done:
        if one.restart:
            yield f"{one.name} goes by the former settings in this: {one.restart}; restart it"
    for one in found.kept:
        yield f"{one.name} still runs with {one.revision}{': ' if one.problem else ''}{one.problem}"
    for name in found.silent:
        yield f"{name} does not report its settings: restart it"


def _to_dict(found: configuration.Uptake) -> dict[str, Any]:
    return {
        "revision": str(found.applied.revision),
        "complete": found.complete,
        "processes": [
            {"name": one.name, "revision": str(one.revision), "taken_up": one in found.done, "problem": one.problem}
            for one in (*found.done, *found.kept)
        ],
        "unreported": list(found.silent),
    }


@dataclass(frozen=True, slots=True)
class Checked:
    """A configuration without problems, and its warnings."""

    loaded: LoadedSettings
    mailboxes: Sequence[ListedMailbox]
    warnings: Sequence[Problem]


def report_lines(checked: CheckedConfig) -> list[str]:
    """Return the lines that ``config check`` prints."""
    summary = [f"{topic:<10} {text}" for topic, text in checked.summary]
    return [*summary, *(f"warning: {warning}" for warning in checked.warnings)]


def checked_config(file: Path | None, environ: Mapping[str, str]) -> CheckedConfig:
    """Check the configuration.

    :raises ConfigError: it is invalid; lists all problems.
    """
    checked = check_configuration(file, environ)
    return CheckedConfig(list(_summary(checked.loaded.settings, checked.mailboxes)), checked.warnings)


def check_configuration(file: Path | None, environ: Mapping[str, str]) -> Checked:
    """Check the settings and the list.

    :raises ConfigError: the configuration is invalid; lists all problems.
    """
    loaded = load_with_origins(file, environ)
    mailboxes = read_mailboxes(loaded.settings.mailboxes, loaded.settings)
    groups = {mailbox.group for mailbox in mailboxes}
    empty = [
        loaded.origins.problem(("schedule", index, "group"), no_such_group(schedule.group, mailboxes))
        for index, schedule in enumerate(loaded.settings.schedule)
        if schedule.group is not None and schedule.group not in groups
    ]
    never = [
        loaded.origins.problem(
            ("schedule", index, "cron"), "never runs: all its times are in quiet hours; change one or the other"
        )
        for index, found in enumerate(upcoming_runs(loaded.settings, 1))
        if not found.runs
    ]
    if problems := [*empty, *never, *_unreached_delay(loaded), *policy_check.problems(loaded, mailboxes)]:
        raise ConfigError(in_file_order(problems))
    return Checked(loaded, mailboxes, in_file_order(_warnings(loaded, mailboxes)))


def _summary(settings: Settings, mailboxes: Sequence[ListedMailbox]) -> Iterator[tuple[str, str]]:
    on_server = Counter(mailbox.server for mailbox in mailboxes)
    in_group = Counter(mailbox.group for mailbox in mailboxes)
    yield "mode", _mode(settings)
    yield "redis", f"{settings.redis.place}, namespace {settings.redis.namespace}"
    for name, server in settings.servers.items():
        pace, amount = _pace(server.limits), _count(on_server[name])
        yield "server", f"{name}: {server.url} as {server.username}; {pace}; {amount}"
    yield "mailboxes", f"{settings.mailboxes}: {_count(len(mailboxes))}{_paces(settings, mailboxes)}"
    yield "lanes", _lanes(settings)
    horizon = " to ".join(duration(one.seconds) for one in settings.retry.horizon)
    yield "retries", f"{settings.retry.attempts} attempts, over {horizon}; then dead"
    for name, count in sorted(in_group.items()):
        yield "group", f"{name or '(none)'}: {_count(count)}{policy_check.caps(settings, name)}"
    yield "policy", policy_check.summary(settings)
    for schedule in settings.schedule:
        scope = "all mailboxes" if schedule.group is None else f"group {schedule.group}"
        yield "schedule", f"{schedule.words}: {scope}"


def _unreached_delay(loaded: LoadedSettings) -> Iterator[Problem]:
    """Yield a longest delay that no item reaches: an outage would then outlast the attempts much sooner."""
    retry = loaded.settings.retry
    if retry.longest_reached < retry.longest_delay:
        text = f"{retry.longest_delay} is never reached with {retry.attempts} attempts: the longest is"
        remedy = f"write more attempts, or {retry.longest_reached} here"
        yield loaded.origins.problem(("retry", "longest_delay"), f"{text} {retry.longest_reached}; {remedy}")


def _mode(settings: Settings) -> str:
    if settings.mode == "observe":
        return "observe: nothing is answered"
    if settings.policy.confirmed:
        return "respond: policy.confirmed = true, so answers begin with the first scan"
    return (
        "respond: answers where rsvpq confirm has confirmed live runs; whether they are now is in Redis: rsvpq status"
    )


def _lanes(settings: Settings) -> str:
    lanes = settings.lanes
    released = f"{lanes.scans_released} scans and {lanes.answers_released} messages released at once"
    if len(settings.servers) == 1:
        return f"{released}, to one server"
    if lanes.server_share == _ALL:
        return f"{released}; a slow server may take every thread (server_share = {_ALL})"
    return f"{released}; one server gets at most {lanes.server_share} % of the threads, and never a whole worker"


def _pace(limits: Limits) -> str:
    return f"{limits.rate}, burst {limits.burst}, concurrency {limits.concurrency}"


def _paces(settings: Settings, mailboxes: Sequence[ListedMailbox]) -> str:
    """Say which limits the mailboxes have: those of the settings, or their own by the list."""
    pace, number = _pace(settings.mailbox_limits), len(mailboxes)
    own = sum(mailbox.limits not in (None, settings.mailbox_limits) for mailbox in mailboxes)
    with_own = f"with limits of {'its' if own == 1 else 'their'} own"
    if own == number:
        return f"; {'all ' if own > 1 else ''}{with_own}" if own else ""
    if own:
        return f"; {number - own} of them {pace}, and {own} {with_own}"
    return f"; {'each ' if number > 1 else ''}{pace}"


def _count(mailboxes: int) -> str:
    return f"{mailboxes} mailbox" if mailboxes == 1 else f"{mailboxes} mailboxes"


def _warnings(loaded: LoadedSettings, mailboxes: Sequence[ListedMailbox]) -> Iterator[Problem]:
    settings, problem = loaded.settings, loaded.origins.problem
    if settings.mode == "observe":
        yield problem(("mode",), "observe: nothing will be answered; write respond when you are ready")
    yield from _schedules(loaded)
    if not mailboxes:
        yield Problem(str(settings.mailboxes), 0, "mailbox", "none is listed; write one in each row")
    yield from _unreachable_paces(settings, mailboxes)
    yield from _two_names(settings, mailboxes)
    yield from policy_check.warnings(loaded, mailboxes)
    for name, server in settings.servers.items():
        if isinstance(server, EwsSettings):
            yield from _ews_risks(loaded, name, server)
        if server.tls_minimum in LEGACY:
            text = f"{server.tls_minimum} and its ciphers are insecure; update the server, and write 1.2"
            yield problem(("servers", name, "tls_minimum"), text)
    yield from _logins(loaded)
    if 0 < len(settings.redis.sentinels) < _FEWEST_SENTINELS:
        text = "with the loss of a host no majority may be left, which a failover needs"
        remedy = f"run {_FEWEST_SENTINELS}, and list all of them"
        yield problem(("redis", "sentinels"), f"{len(settings.redis.sentinels)}: {text}; {remedy}")
    yield from _open_secrets(loaded)


def _schedules(loaded: LoadedSettings) -> Iterator[Problem]:
    problem, schedules = loaded.origins.problem, loaded.settings.schedule
    if not schedules:
        yield problem(("schedule",), "none: scans only run when triggered; add [[schedule]] for regular ones")
    for index, schedule in enumerate(schedules):
        if schedule.timezone and not (schedule.cron or schedule.quiet):
            text = "has no effect without cron or quiet; remove it, or write one of them"
            yield problem(("schedule", index, "timezone"), text)


def _logins(loaded: LoadedSettings) -> Iterator[Problem]:
    """Yield why the operator console would not start, as far as the file of its logins can be seen from here."""
    file = loaded.settings.console.logins_file
    if file is None:
        return
    try:
        read_logins(file)
    except ConfigError as error:
        for problem in error.problems:
            yield Problem(problem.file, problem.line, problem.field, f"{problem.text} (the console would not start)")


def _ews_risks(loaded: LoadedSettings, name: str, server: EwsSettings) -> Iterator[Problem]:
    """Yield settings of Exchange Web Services with which an answer may be given twice, or not be sent."""
    if loaded.settings.mode == "respond" and server.access == "delegate":
        text = "delegate: without Send As on a mailbox its answers are not sent, and stay in its Drafts; grant it"
        yield loaded.origins.problem(("servers", name, "access"), f"{text}, and try one mailbox first (docs/ews.md)")
    if server.settle < SLOWEST_EWS:
        text = f"{server.settle}: Exchange may go on for two minutes with a request that nobody waits for any more"
        yield loaded.origins.problem(("servers", name, "settle"), f"{text}; write {SLOWEST_EWS} or more")


def _unreachable_paces(settings: Settings, mailboxes: Sequence[ListedMailbox]) -> Iterator[Problem]:
    """Yield at most one problem for each server: the cause is usually a whole column of the list."""
    for name, server in settings.servers.items():
        paces = {
            mailbox.name: (mailbox.limits or settings.mailbox_limits).rate
            for mailbox in mailboxes
            if mailbox.server == name
        }
        faster = [mailbox for mailbox, rate in paces.items() if rate.per_second > server.rate.per_second]
        if faster:
            others = f" and {len(faster) - 1} more" if len(faster) > 1 else ""
            text = (
                f"{faster[0]}{others} may take {paces[faster[0]]}, more than the {server.rate} of servers.{name}, "
                "which applies to all its mailboxes together; lower the one or raise the other"
            )
            yield Problem(str(settings.mailboxes), 0, "pace", text)


def _two_names(settings: Settings, mailboxes: Sequence[ListedMailbox]) -> Iterator[Problem]:
    """Yield at most one problem for each server: an alias that is also the local part of an address (KB324306).

    Only a warning, because an alias belongs to one domain, and the list does not say to which. Two names that certainly
    lead to one mailbox are refused when it is visited (:mod:`rsvpq.tasks.claims`).
    """
    aliases = {(one.server, one.name.casefold()): one.name for one in mailboxes if "@" not in one.name}
    pairs: dict[str, list[tuple[str, str]]] = {}
    for one in mailboxes:
        local, at, _ = one.name.casefold().rpartition("@")
        if at and (one.server, local) in aliases:
            pairs.setdefault(one.server, []).append((aliases[one.server, local], one.name))
    for (alias, address), *others in pairs.values():
        more = f", and so may {len(others)} more pairs" if others else ""
        text = (
            f"{alias} and {address} may be two names of one mailbox{more}; list it once: "
            "if they are, the name that is scanned second is refused"
        )
        yield Problem(str(settings.mailboxes), 0, "mailbox", text)


def _open_secrets(loaded: LoadedSettings) -> Iterator[Problem]:
    for key, file in loaded.secret_files():
        yield from _open_file(loaded, key, file)
    redis, hash_key = loaded.settings.redis, loaded.settings.audit.hash_key_file
    yield from _open_file(loaded, ("audit", "hash_key_file"), hash_key)
    if redis.certificate_key is not None:
        yield from _open_file(loaded, ("redis", "certificate_key"), redis.certificate_key)
    else:  # the private key is in the certificate file
        yield from _open_file(loaded, ("redis", "certificate"), redis.certificate)


def _open_file(loaded: LoadedSettings, key: KeyPath, file: Path | None) -> Iterator[Problem]:
    if file is not None and file.stat().st_mode & stat.S_IROTH:
        yield loaded.origins.problem(key, f"{file} can be read by everybody; run chmod o-r on it")
