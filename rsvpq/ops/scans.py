"""Trigger scans, reconciliations, dry runs and explanations: each is one task that any Celery client could send."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from shlex import quote

from rsvpq.lanes import OperatorAction, Scope
from rsvpq.mail.messages import Mailbox
from rsvpq.ops import confirmation
from rsvpq.ops.context import InvalidRequest, OperatorContext
from rsvpq.ops.obstacles import obstacles
from rsvpq.settings import ConfigError, Problem, Settings, did_you_mean
from rsvpq.settings.mailboxes import read_mailboxes, select
from rsvpq.tasks import contract
from rsvpq.text import counted
from rsvpq.wiring import apps
from rsvpq.wiring.in_force import in_force

#: Why the scan of a mailbox is not offered, as things are when it is triggered.
_SKIPPED = {
    "scanning": "a scan of each waits or runs already",
    "full": "messages of the last scan still wait in their lanes",
}


@dataclass(frozen=True, slots=True)
class Selection:
    """The mailboxes of a scan: by name, by group, by server, or all.

    :raises InvalidRequest: not exactly one of the four is given.
    """

    names: tuple[str, ...] = ()
    group: str | None = None
    everything: bool = False
    server: str | None = None

    def __post_init__(self) -> None:
        given = sum((bool(self.names), self.group is not None, self.server is not None, self.everything))
        if given > 1:
            raise InvalidRequest("give one of: names of mailboxes, --group NAME, --server NAME, --all")
        if not given:
            raise InvalidRequest("name mailboxes, or use --group NAME, --server NAME, or --all")

    def mailboxes(self, settings: Settings) -> Sequence[Mailbox]:
        """Return the selected mailboxes of the list.

        :raises ConfigError: a name or the group is not in the list, no mailbox is on the server, or the list is empty.
        """
        listed = read_mailboxes(settings.mailboxes, settings)
        self._require_no_server(settings, listed)
        chosen = select(listed, names=self.names, group=self.group)
        if self.server is not None and chosen:
            return self._on_the_server(settings, chosen)
        if not chosen:
            text = "none is listed, so there is nothing to choose from; write one in each row"
            raise ConfigError([Problem(str(settings.mailboxes), 0, "mailbox", text)])
        return chosen

    def _require_no_server(self, settings: Settings, listed: Sequence[Mailbox]) -> None:
        """Refuse the name of a server that is not one of a mailbox as well."""
        known = {mailbox.name.casefold() for mailbox in listed}
        if servers := [name for name in self.names if name in settings.servers and name.casefold() not in known]:
            text = "is a server, and no mailbox of the list; for all its mailboxes: --server"
            raise ConfigError([Problem("mailboxes", 0, name, f"{text} {quote(name)}") for name in servers])

    def _on_the_server(self, settings: Settings, listed: Sequence[Mailbox]) -> Sequence[Mailbox]:
        found = [mailbox for mailbox in listed if mailbox.server == self.server]
        if not found:
            unknown = f"no server has this name; {did_you_mean(self.server or '', settings.servers)}"
            what = "no mailbox of the list is on it" if self.server in settings.servers else unknown
            raise ConfigError([Problem("mailboxes", 0, f"server {self.server}", what)])
        return found

    def arguments(self, mailboxes: Sequence[Mailbox]) -> dict[str, object]:
        """Return the arguments of the task; for a group or for all mailboxes, the task finds the names itself."""
        if self.names or self.server is not None:
            return {"mailboxes": [mailbox.name for mailbox in mailboxes]}
        return {"group": self.group} if self.group else {}


def scan(context: OperatorContext, scope: Scope, name: str, reason: str) -> list[str]:
    """Trigger a scan of all mailboxes of a scope, and record the operator action.

    :returns: sentences for the operator: what was done, and why it may wait, or answer nothing.
    :raises InvalidRequest: the scope or the name is wrong.
    :raises ConfigError: the list has no such mailbox, no mailbox in such a group or on the server, or none at all.
    """
    name = context.resolve_name(scope, name)
    names, group = (name,) if scope == "mailbox" else (), name if scope == "group" else None
    selection = Selection(names, group, everything=scope == "all", server=name if scope == "server" else None)
    chosen = selection.mailboxes(context.settings)
    context.lanes.controls.log_action(
        context.action("scan", scope, name, why=reason, values={"mailboxes": len(chosen)})
    )
    done = trigger_chosen(context, "scan", chosen, selection.arguments(chosen))
    return [done.text, *done.warnings]


@dataclass(frozen=True, slots=True)
class TriggeredScan:
    """A scan that was triggered, in a sentence; why it may wait, or answer nothing; and the facts for programs."""

    text: str
    warnings: Sequence[str]
    facts: Mapping[str, object]


def trigger_chosen(
    context: OperatorContext, kind: contract.ScanKind, chosen: Sequence[Mailbox], arguments: Mapping[str, object]
) -> TriggeredScan:
    """Trigger a scan of mailboxes, and say which of them it skips as things are now.

    :param arguments: those of the task that name the mailboxes, see :meth:`Selection.arguments`.
    """
    skipped = Counter(context.lanes.snapshot.not_offered(mailbox.name for mailbox in chosen).values())
    task = trigger(context, kind, arguments)
    left_out = [f"{counted(number, 'mailbox')} skipped: {_SKIPPED[why]}" for why, number in sorted(skipped.items())]
    part = f"{len(chosen) - skipped.total()} of " if skipped else ""
    return TriggeredScan(
        f"{kind} of {part}{counted(len(chosen), 'mailbox')} triggered: task {task}",
        [*left_out, *_cautions(context, kind, chosen)],
        {"mailboxes": len(chosen), "skipped": dict(skipped), "task": task},
    )


def _cautions(context: OperatorContext, kind: contract.ScanKind, chosen: Sequence[Mailbox]) -> list[str]:
    """Return why a scan of these mailboxes may wait, or answer nothing."""
    look = in_force(context.settings, context.lanes)
    found = []
    if kind == "scan" and context.settings.mode != "observe" and (silent := confirmation.observing(context, chosen)):
        somewhere = any(look.answers(mailbox.group) for mailbox in chosen)
        found.append(silent if somewhere else f"this scan only observes: {silent}")
    found += filter(None, (confirmation.unapplied(context), confirmation.unused(context)))
    found += map(str, look.missing())
    groups = {mailbox.group for mailbox in chosen}
    paused = {name: pause for name, pause in context.lanes.snapshot.group_pauses().items() if name in groups}
    stopped = obstacles(context, {mailbox.server for mailbox in chosen}, paused, groups)
    return [*found, *(f"{obstacle}; its scans wait" for obstacle in stopped)]


def look_action(
    context: OperatorContext, what: str, selection: Selection, chosen: Sequence[Mailbox], servers: Sequence[str] = ()
) -> OperatorAction:
    """Return the record of a read-only run over chosen mailboxes, for the audit: what was selected, and how many.

    :param servers: those to which the selection was limited; none for all.
    """
    number = len(chosen)
    servers = servers or ([selection.server] if selection.server else [])
    if selection.group:
        scope: Scope = "group"
        name = selection.group
    elif len(servers) == 1:
        scope, name = "server", servers[0]
    elif len(selection.names) == 1:
        scope, name = "mailbox", chosen[0].name
    else:
        scope, name = "all", ""
    values = {"mailboxes": f"{number} by name" if len(selection.names) > 1 else number}
    if servers and scope != "server":
        values["servers"] = " and ".join(servers)
    return context.action(what, scope, name, values=values)


def trigger(context: OperatorContext, kind: contract.ScanKind, arguments: Mapping[str, object]) -> str:
    """Send the task that offers a scan to each of the mailboxes.

    :param arguments: see :meth:`Selection.arguments`. :returns: the id of the task.
    """
    context.lanes.ping()  # send nothing to a Redis that is unusable
    # Send only what differs from the defaults of the task, so that a plain scan has short arguments in Flower.
    more = {"kind": kind} if kind != "scan" else {}
    return _send(context, {**arguments, **more})


def look(
    context: OperatorContext, kind: contract.ScanKind, arguments: Mapping[str, object], action: OperatorAction
) -> str:
    """Send the task that reads the mailboxes without changing them, and record the operator action.

    :returns: the name of the run, under which the mailboxes report.
    """
    context.lanes.controls.log_action(action)
    return contract.run_named(_send(context, {**arguments, "kind": kind}))


def _send(context: OperatorContext, arguments: Mapping[str, object]) -> str:
    app = apps.make_sender(context.settings)
    with app.connection_for_write() as connection:  # one of a pool would stay open as long as the process
        return str(app.send_task(contract.SCAN, kwargs=dict(arguments), connection=connection).id)
