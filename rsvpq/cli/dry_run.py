"""``rsvpq scan --dry-run``: what a scan would do, message by message, and in total."""

import sys

from rsvpq.cli.dry_run_forms import FORMS, Form
from rsvpq.cli.dry_run_totals import Totals
from rsvpq.cli.follow import complain, follow, interruptible, say
from rsvpq.cli.progress import Progress
from rsvpq.lanes.run_results import Ended
from rsvpq.ops import OperatorContext
from rsvpq.ops.confirmation import observing
from rsvpq.ops.forecast import Forecast
from rsvpq.ops.scans import Selection

__all__ = ["FORMS", "run"]


def run(context: OperatorContext, selection: Selection, form: str, timeout_s: float | None) -> None:
    """Have the mailboxes looked at, and show what is found; ends the process with the exit code.

    :param form: one of :data:`FORMS`.
    """
    settings = context.settings
    chosen = selection.mailboxes(settings)
    action = context.action("dry-run", "all", "", values={"mailboxes": len(chosen)})
    following = follow(context, "dry-run", chosen, selection.arguments(chosen), action, timeout_s)
    totals, shown = Totals(settings.policy), FORMS[form]()
    with interruptible():
        with Progress(len(chosen)) as progress:
            for told in following.results():
                progress.show(len(following.ended) + len(following.problems))
                if told is not None:
                    _take(told, totals, shown)
        shown.end()
        shown.say_totals(totals)
    note = observing(context)
    if note:
        say(note)
    sys.exit(complain(following))


def _take(told: Ended, totals: Totals, shown: Form) -> None:
    rows = [Forecast.from_dict(found) for found in told.found]
    totals.add(rows, told.counts)
    shown.add(rows)
