"""Trigger scans, reconciliations, dry runs and explanations: each is one task, as any Celery client could send it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rsvpq import wiring
from rsvpq.lanes import OperatorAction
from rsvpq.mail.messages import Mailbox
from rsvpq.ops.context import InvalidRequest, OperatorContext
from rsvpq.settings import Settings
from rsvpq.settings.mailboxes import read_mailboxes, select
from rsvpq.tasks import contract


@dataclass(frozen=True, slots=True)
class Selection:
    """The mailboxes of a scan: these by name, those of a group, or all.

    :raises InvalidRequest: none or several of the three ways to choose them.
    """

    names: tuple[str, ...] = ()
    group: str | None = None
    everything: bool = False

    def __post_init__(self) -> None:
        if sum((bool(self.names), self.group is not None, self.everything)) != 1:
            raise InvalidRequest("name mailboxes, or give --group NAME, or --all")

    def mailboxes(self, settings: Settings) -> Sequence[Mailbox]:
        """The mailboxes in the list. :raises ConfigError: a name or the group is not there."""
        return select(read_mailboxes(settings.mailboxes, settings), names=self.names, group=self.group)

    def arguments(self, mailboxes: Sequence[Mailbox]) -> dict[str, object]:
        """As the task takes them: not the names of a group or of all, which the task finds by itself."""
        if self.names:
            return {"mailboxes": [mailbox.name for mailbox in mailboxes]}
        return {"group": self.group} if self.group else {}


def trigger(context: OperatorContext, kind: contract.ScanKind, arguments: Mapping[str, object]) -> str:
    """Send the one task that offers a scan to each of the mailboxes.

    :param arguments: see :meth:`Selection.arguments`. :returns: the id of the task.
    """
    context.lanes.ping()  # nothing is sent to a Redis that cannot be worked with
    # Only what differs from the task's default is sent, so that a scan reads in Flower as it always did.
    more = {"kind": kind} if kind != "scan" else {}
    return _send(context, {**arguments, **more})


def look(
    context: OperatorContext, kind: contract.ScanKind, arguments: Mapping[str, object], action: OperatorAction
) -> str:
    """Send the one task that has the mailboxes looked at, and record who asked.

    :returns: the name of the run, under which the mailboxes report.
    """
    context.lanes.controls.log_action(action)
    return contract.run_named(_send(context, {**arguments, "kind": kind}))


def _send(context: OperatorContext, arguments: Mapping[str, object]) -> str:
    return str(wiring.make_app(context.settings, "cli").send_task(contract.SCAN, kwargs=dict(arguments)).id)
