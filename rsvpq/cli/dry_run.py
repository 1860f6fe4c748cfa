"""``rsvpq scan --dry-run``: show what a scan would do, for each message and in total."""

import sys

from rsvpq.cli.documents import say
from rsvpq.cli.dry_run_forms import FORMS
from rsvpq.cli.dry_run_totals import Totals
from rsvpq.cli.follow import follow, interruptible, report_problems
from rsvpq.cli.progress import Progress
from rsvpq.ops import OperatorContext
from rsvpq.ops.confirmation import remarks
from rsvpq.ops.forecast import Forecast
from rsvpq.ops.scans import Selection, look_action

__all__ = ["FORMS", "run"]


def run(context: OperatorContext, selection: Selection, form: str, timeout_s: float | None) -> None:
    """Search the mailboxes without changing them, show the forecasts, and exit with the exit code.

    :param form: one of :data:`FORMS`.
    """
    settings = context.settings
    chosen = selection.mailboxes(settings)
    action = look_action(context, "dry-run", selection, chosen)
    groups = {mailbox.name: mailbox.group for mailbox in chosen}
    totals, shown = Totals(settings.policy), FORMS[form]()
    with interruptible():
        following = follow(context, "dry-run", chosen, selection.arguments(chosen), action, timeout_s)
        with Progress(len(chosen)) as progress:
            for ended in following.results():
                progress.show(len(following.ended) + len(following.problems))
                if ended is not None:
                    rows = [Forecast.from_dict(found) for found in ended.found]
                    totals.add(rows, ended.counts, groups.get(ended.mailbox, ""))
                    shown.add(rows)
        totals.problems, totals.note = dict(sorted(following.problems.items())), remarks(context, chosen)
        shown.show_totals(totals)
        shown.end()
    if totals.note:
        say(totals.note)
    sys.exit(report_problems(following))
