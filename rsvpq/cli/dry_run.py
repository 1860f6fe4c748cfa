"""``rsvpq scan --dry-run``: what a scan would do, message by message, and in total."""

import sys
from collections.abc import Mapping, Sequence

from rsvpq import wiring
from rsvpq.cli.asking import ask, complain, interruptible, observing, say
from rsvpq.cli.dry_run_forms import FORMS, Form
from rsvpq.cli.dry_run_totals import Totals
from rsvpq.cli.progress import Progress
from rsvpq.lanes.run_results import Ended
from rsvpq.mail.messages import Mailbox
from rsvpq.ops.forecast import Forecast
from rsvpq.settings import Settings

__all__ = ["FORMS", "run"]


def run(
    settings: Settings,
    chosen: Sequence[Mailbox],
    arguments: Mapping[str, object],
    form: str,
    timeout_s: float | None,
) -> None:
    """Have the mailboxes looked at, and show what is found; ends the process with the exit code.

    :param arguments: of the task that scans. :param form: one of :data:`FORMS`.
    """
    lanes = wiring.make_lanes(settings)
    action = wiring.make_audit(settings, lanes).action("dry-run", "all", "", values={"mailboxes": len(chosen)})
    following = ask(settings, lanes, "dry-run", chosen, arguments, action, timeout_s)
    totals, shown = Totals(settings.policy), FORMS[form]()
    with interruptible():
        with Progress(len(chosen)) as progress:
            for told in following.results():
                progress.show(len(following.ended) + len(following.problems))
                if told is not None:
                    _take(told, totals, shown)
        shown.end()
        shown.say_totals(totals)
    note = observing(settings, lanes)
    if note:
        say(note)
    sys.exit(complain(following))


def _take(told: Ended, totals: Totals, shown: Form) -> None:
    rows = [Forecast.from_dict(found) for found in told.found]
    totals.add(rows, told.counts)
    shown.add(rows)
