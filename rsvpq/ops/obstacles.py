"""What keeps mailboxes from being worked that are well: pauses, quiet hours, held servers, or that none is answered."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from shlex import quote
from typing import Literal

from rsvpq.lanes.breakers import Hold
from rsvpq.lanes.status import Pause
from rsvpq.ops.context import OperatorContext
from rsvpq.ops.control import about_pause
from rsvpq.text import age
from rsvpq.wiring.in_force import InForce


@dataclass(frozen=True, slots=True)
class Obstacle:
    """A pause, quiet hours or a hold that stops every mailbox of its scope; as a text it says what it is.

    :param work: the only work that is held, by the name of its task; '' if nothing of them is worked.
    """

    kind: Literal["pause", "quiet", "hold"]
    scope: Literal["all", "server", "group"]
    name: str
    text: str
    remedy: str
    work: str = ""

    def __str__(self) -> str:
        return self.text

    def stops(self, server: str, group: str) -> bool:
        """Return whether it stops all work in a mailbox of this server and this group."""
        if self.work:
            return False
        return self.scope == "all" or (self.scope == "server" and self.name == server) or self.name == group != ""


def obstacles(
    context: OperatorContext, servers: Iterable[str], paused_groups: Mapping[str, Pause], groups: Iterable[str]
) -> list[Obstacle]:
    """Return what stops mailboxes of these servers, however well they are: pauses, quiet hours, and holds of servers.

    :param paused_groups: the pauses of groups that concern them. :param groups: their groups.
    """
    snapshot, names = context.lanes.snapshot, sorted(servers)
    found = []
    if everything := snapshot.pause("all"):
        found.append(Obstacle("pause", "all", "", f"everything is paused{said_of(everything)}", "rsvpq resume all"))
    paused = {name: pause for name in names if (pause := snapshot.pause("server", name))}
    found += [_paused("server", name, pause) for name, pause in paused.items()]
    found += [_paused("group", name, pause) for name, pause in paused_groups.items()]
    found += [_quiet(name, left_s) for name, left_s in snapshot.quiet_hours(groups).items()]
    return found + [_held(name, hold) for name, holds in snapshot.all_holds("server", names).items() for hold in holds]


def _paused(scope: Literal["server", "group"], name: str, pause: Pause) -> Obstacle:
    remedy = f"rsvpq resume {scope} {quote(name)}"
    return Obstacle("pause", scope, name, f"{scope} {name} is paused{said_of(pause)}", remedy)


def _quiet(group: str, left_s: float) -> Obstacle:
    last = f"quiet hours for another {age(left_s)}: nothing new starts"
    remedy = "it is scanned after the quiet hours"
    if group:
        return Obstacle("quiet", "group", group, f"group {group} has {last} there", remedy)
    return Obstacle("quiet", "all", "", last, remedy)


def _held(name: str, hold: Hold) -> Obstacle:
    what = hold.of(f"server {name}")
    text = f"{what} is held for another {age(hold.left_s)}: {hold.why or 'no reason given'}"
    remedy = f"{what} is held, which ends by itself; once the cause is repaired: rsvpq resume server {quote(name)}"
    return Obstacle("hold", "server", name, text, remedy, hold.work)


def said_of(pause: Pause) -> str:
    """Say about a pause what is the same at each look, whoever compares them: nothing of its age."""
    return about_pause(replace(pause, age_s=None))


def silence(look: InForce, groups: Iterable[str]) -> list[str]:
    """Say that nothing is answered in some of these groups of mailboxes, or in all; nothing if it is in each."""
    return [] if all(map(look.answers, set(groups))) else [look.headline]
