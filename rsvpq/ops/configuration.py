"""Apply the settings and the list of mailboxes to running processes, and see which of them have taken them up."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rsvpq import wiring
from rsvpq.ops.context import InvalidRequest, LedgerContext, OperatorContext
from rsvpq.settings.mailboxes import ListedMailbox
from rsvpq.settings.revision import Revision, fixed_values, list_digest, settings_digest
from rsvpq.wiring.coverage import read_list_size
from rsvpq.wiring.in_force import unreported
from rsvpq.wiring.revisions import Applied, SettingsReport, reports


@dataclass(frozen=True, slots=True)
class Uptake:
    """Which processes run with what was applied, which do not, and which do not say.

    :param newest: what was applied last: the same, unless somebody else has applied something since.
    """

    applied: Applied
    newest: Applied
    done: tuple[SettingsReport, ...]
    kept: tuple[SettingsReport, ...]
    silent: tuple[str, ...]

    @property
    def is_overtaken(self) -> bool:
        """Whether something else was applied since, so that no process takes this up any more."""
        return self.newest.revision != self.applied.revision

    @property
    def complete(self) -> bool:
        """Whether all processes run with it."""
        return not self.kept and not self.silent


def apply(context: OperatorContext, mailboxes: Sequence[ListedMailbox], reason: str = "") -> Applied:
    """Publish the revision of the settings of this context and of this list, which were checked before.

    The limits are in force when this returns; the processes take up everything else within seconds, see
    :func:`uptake`.

    :raises InvalidRequest: no process runs with this Redis, or a key has changed that only a restart changes.
    """
    running = reports(context.lanes)
    redis = context.settings.redis
    if not running:
        raise InvalidRequest(
            f"no process reports to {redis.place}, namespace {redis.namespace}, so there is nothing to apply to: "
            "processes read the files when they start. If yours are running, they use another Redis (redis.url and "
            "redis.namespace need a restart) or an earlier version"
        )
    if changed := _changed_fixed(context, running):
        raise InvalidRequest("\n".join(changed))
    revision = Revision(settings_digest(context.settings), list_digest(mailboxes))
    before = " and ".join(sorted({str(one.revision) for one in running}))
    applied = Applied(revision)
    context.lanes.controls.log_action(
        context.action("apply", "all", "", why=reason, values={"revision": f"{before} -> {revision}"})
    )
    wiring.configure(context.lanes, context.settings)
    context.lanes.controls.configure_mailboxes({one.name: one.limits for one in mailboxes})
    applied.publish(context.lanes)
    return applied


def answers_more(context: OperatorContext) -> list[str]:
    """Return how these settings answer more than those that workers run with; compared before they are applied."""
    settings, workers = context.settings, [one for one in reports(context.lanes) if one.works]
    found = set()
    if settings.mode == "respond" and any(one.mode != "respond" for one in workers):
        found.add("mode: observe -> respond")
    if settings.policy.confirmed and not all(one.confirmed for one in workers):
        found.add("policy.confirmed: false -> true")
    caps = settings.policy.caps()
    for key, before in (cap for one in workers for cap in one.caps.items()):
        after = caps.get(key)
        if after is None or after > before:
            found.add(f"policy.{key}: {before} -> {after or 'none'}")
    return [f"more is answered than before: {one}" for one in sorted(found)]


def left(context: LedgerContext, mailboxes: Sequence[ListedMailbox]) -> Iterator[str]:
    """Yield how many mailboxes have left this list within a week, if any have."""
    size = read_list_size(context.lanes, {one.name for one in mailboxes})
    if size.left:
        yield f"{size}: rsvpq mailboxes --state unlisted"


def uptake(context: LedgerContext, applied: Applied) -> Uptake:
    """Return who runs with what was applied by now: by the token, because a revision covers no secret.

    If the same was applied twice, a process that has dealt with the later one has dealt with both.
    """
    running = reports(context.lanes)
    newest = Applied.read(context.lanes) or applied
    same = {applied.token, newest.token} if newest.revision == applied.revision else {applied.token}
    done = tuple(one for one in running if one.token in same and one.revision == applied.revision and not one.problem)
    kept = tuple(one for one in running if one not in done)
    return Uptake(applied, newest, done, kept, tuple(unreported(context.lanes, running)))


def _changed_fixed(context: OperatorContext, running: Sequence[SettingsReport]) -> list[str]:
    """Say which keys would need a restart of which processes; other hosts may reach Redis in another way."""
    wanted = fixed_values(context.settings)
    found: dict[tuple[str, str], list[str]] = {}
    for one in running:
        for key, value in wanted.items() if one.is_here else ():
            if one.fixed.get(key, value) != value:
                found.setdefault((key, one.fixed[key]), []).append(one.name)
    return [
        f"{key} cannot be changed while processes run: {', '.join(names)} began with {value or 'none'}; restart all "
        f"processes, or write that again and apply the rest"
        for (key, value), names in found.items()
    ]
