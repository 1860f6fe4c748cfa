"""Trigger scans, reconciliations, dry runs and explanations: each is one task that any Celery client could send."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rsvpq.lanes import OperatorAction
from rsvpq.mail.messages import Mailbox
from rsvpq.ops.context import InvalidRequest, OperatorContext
from rsvpq.settings import Settings
from rsvpq.settings.mailboxes import read_mailboxes, select
from rsvpq.tasks import contract
from rsvpq.wiring import apps


@dataclass(frozen=True, slots=True)
class Selection:
    """The mailboxes of a scan: by name, by group, or all.

    :raises InvalidRequest: not exactly one of the three is given.
    """

    names: tuple[str, ...] = ()
    group: str | None = None
    everything: bool = False

    def __post_init__(self) -> None:
        given = sum((bool(self.names), self.group is not None, self.everything))
        if given > 1:
            raise InvalidRequest("give one of: names of mailboxes, --group NAME, --all")
        if not given:
            raise InvalidRequest("name mailboxes, or use --group NAME, or --all")

    def mailboxes(self, settings: Settings) -> Sequence[Mailbox]:
        """Return the selected mailboxes of the list.

        :raises ConfigError: a name or the group is not in the list.
        """
        return select(read_mailboxes(settings.mailboxes, settings), names=self.names, group=self.group)

    def arguments(self, mailboxes: Sequence[Mailbox]) -> dict[str, object]:
        """Return the arguments of the task; for a group or for all mailboxes, the task finds the names itself."""
        if self.names:
            return {"mailboxes": [mailbox.name for mailbox in mailboxes]}
        return {"group": self.group} if self.group else {}


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
    return str(apps.make_app(context.settings, "cli").send_task(contract.SCAN, kwargs=dict(arguments)).id)
