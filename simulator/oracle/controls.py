"""The controls: the switches of each server, and the faults of all, to change while they run.

A switch whose effect is a state of the store (folder names, the clock of a server) takes effect here; every other one
is read where its effect is.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from simulator.behavior import Behavior
from simulator.oracle.switches import Setting, SwitchError, changed, switches, value_of
from simulator.serving.faults import Faults
from simulator.serving.wire import Wire, wire_of
from simulator.world.content_classes import CALENDAR_MESSAGE, TASK_REQUEST_CLASS, content_class_of
from simulator.world.languages import FOLDER_NAMES
from simulator.world.mailboxes import Mailbox
from simulator.world.state import World


class Controls:
    """Behaviors by server, and faults."""

    def __init__(self, world: World, servers: int, behavior: Behavior, faults: Faults) -> None:
        self.faults = faults
        self.behaviors = [Behavior()] * servers
        self.wires: list[Wire] = [wire_of(Behavior())] * servers
        self._world = world
        for server in range(servers):
            self._turn(server, behavior)

    def switch(self, changes: Mapping[str, object], servers: Sequence[int] | None = None) -> dict[str, Setting]:
        """Set switches of some servers or of all; a SwitchError changes nothing.  What stands otherwise now."""
        turned = range(len(self.behaviors)) if servers is None else servers
        if any(server not in range(len(self.behaviors)) for server in turned):
            raise SwitchError(f"server is a number from 0 to {len(self.behaviors) - 1}")
        behaviors = [(server, changed(self.behaviors[server], changes)) for server in turned]
        news: dict[str, Setting] = {}
        for server, behavior in behaviors:
            before = self.behaviors[server]
            news |= {
                name: value_of(behavior, name)
                for name in switches()
                if value_of(behavior, name) != value_of(before, name)
            }
            self._turn(server, behavior)
        return news

    def as_json(self) -> dict[str, object]:
        """Return every switch with its values on the servers, its choices and its meaning."""
        return {
            name: {
                "value": value_of(self.behaviors[0], name),
                "values": [value_of(behavior, name) for behavior in self.behaviors],
                "choices": list(switch.choices) or switch.range,
                "default": switch.default,
                "meaning": switch.meaning,
                "certainty": switch.certainty,
                "uncertain": list(switch.uncertain),
            }
            for name, switch in switches().items()
        }

    def _turn(self, server: int, behavior: Behavior) -> None:
        before = self.behaviors[server]
        self.behaviors[server] = behavior
        self.wires[server] = wire_of(behavior)
        if _in_store(before) == _in_store(behavior):
            return
        for mailbox in self._world.mailboxes:
            if mailbox.server == server:
                _settle(mailbox, behavior)


def _in_store(behavior: Behavior) -> tuple[object, ...]:
    clocks = behavior.clock_skew_s, behavior.transport_skew_s
    names = behavior.language, behavior.english_aliases, behavior.occurrence_uid
    return *names, clocks, behavior.task_requests


def _settle(mailbox: Mailbox, behavior: Behavior) -> None:
    mailbox.skew = timedelta(seconds=behavior.clock_skew_s)
    mailbox.transport_skew = timedelta(seconds=behavior.transport_skew_s)
    mailbox.dated_uids = behavior.occurrence_uid == "dated"
    mailbox.speak(mailbox.language if behavior.language == "seeded" else behavior.language)
    english = FOLDER_NAMES["en"].items() if behavior.english_aliases else ()
    mailbox.aliases = {name.casefold(): mailbox.folders[role] for role, name in english}
    for item in mailbox.by_serial.values():
        if item.message.message_class == TASK_REQUEST_CLASS:
            as_mail = behavior.task_requests == "mail"
            item.message.content_class = content_class_of(TASK_REQUEST_CLASS) if as_mail else CALENDAR_MESSAGE
