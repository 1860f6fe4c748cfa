"""What can be turned while the servers run: the switches of each, and the faults of all.

A switch whose effect is a state of the store (folder names, the clock of a server) takes effect here; every other one
is read where its effect is.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from simulator.behaviour import Behaviour
from simulator.content_classes import CALENDAR_MESSAGE, TASK_REQUEST_CLASS, content_class_of
from simulator.faults import Faults
from simulator.languages import FOLDER_NAMES
from simulator.switches import Setting, SwitchError, changed, switches, value_of
from simulator.wire import Wire, wire_of
from simulator.world import Mailbox, World


class Controls:
    """Behaviours by server, and faults."""

    def __init__(self, world: World, servers: int, behaviour: Behaviour, faults: Faults) -> None:
        self.faults = faults
        self.behaviours = [Behaviour()] * servers
        self.wires: list[Wire] = [wire_of(Behaviour())] * servers
        self._world = world
        for server in range(servers):
            self._turn(server, behaviour)

    def switch(self, changes: Mapping[str, object], servers: Sequence[int] | None = None) -> dict[str, Setting]:
        """Set switches of some servers or of all; a SwitchError changes nothing.  What stands otherwise now."""
        turned = range(len(self.behaviours)) if servers is None else servers
        if any(server not in range(len(self.behaviours)) for server in turned):
            raise SwitchError(f"server is a number from 0 to {len(self.behaviours) - 1}")
        behaviours = [(server, changed(self.behaviours[server], changes)) for server in turned]
        news: dict[str, Setting] = {}
        for server, behaviour in behaviours:
            before = self.behaviours[server]
            news |= {
                name: value_of(behaviour, name)
                for name in switches()
                if value_of(behaviour, name) != value_of(before, name)
            }
            self._turn(server, behaviour)
        return news

    def as_json(self) -> dict[str, object]:
        """Every switch: how it stands with the first server and with each, what it can be, what it means."""
        return {
            name: {
                "value": value_of(self.behaviours[0], name),
                "values": [value_of(behaviour, name) for behaviour in self.behaviours],
                "choices": list(switch.choices) or switch.range,
                "default": switch.default,
                "meaning": switch.meaning,
                "certainty": switch.certainty,
                "uncertain": list(switch.uncertain),
            }
            for name, switch in switches().items()
        }

    def _turn(self, server: int, behaviour: Behaviour) -> None:
        before = self.behaviours[server]
        self.behaviours[server] = behaviour
        self.wires[server] = wire_of(behaviour)
        if _in_store(before) == _in_store(behaviour):
            return
        for mailbox in self._world.mailboxes:
            if mailbox.server == server:
                _settle(mailbox, behaviour)


def _in_store(behaviour: Behaviour) -> tuple[object, ...]:
    clocks = behaviour.clock_skew_s, behaviour.transport_skew_s
    names = behaviour.language, behaviour.english_aliases, behaviour.occurrence_uid
    return *names, clocks, behaviour.task_requests


def _settle(mailbox: Mailbox, behaviour: Behaviour) -> None:
    mailbox.skew = timedelta(seconds=behaviour.clock_skew_s)
    mailbox.transport_skew = timedelta(seconds=behaviour.transport_skew_s)
    mailbox.dated_uids = behaviour.occurrence_uid == "dated"
    mailbox.speak(mailbox.language if behaviour.language == "seeded" else behaviour.language)
    english = FOLDER_NAMES["en"].items() if behaviour.english_aliases else ()
    mailbox.aliases = {name.casefold(): mailbox.folders[role] for role, name in english}
    for item in mailbox.by_serial.values():
        if item.message.message_class == TASK_REQUEST_CLASS:
            as_mail = behaviour.task_requests == "mail"
            item.message.content_class = content_class_of(TASK_REQUEST_CLASS) if as_mail else CALENDAR_MESSAGE
