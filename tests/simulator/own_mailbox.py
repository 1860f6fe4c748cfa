"""A mailbox that no other test has, on a simulator whose switches go back to their defaults afterwards."""

# ruff: noqa: S608 - the SQL of a SEARCH is what is tested

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from simulator.oracle.switches import Setting, spelled, switches
from tests.simulator.raw_http import Answer, Row, Simulator, path_of, running, searchrequest

#: Which values of which switches a test in the suite shows at work.
SHOWN: set[tuple[str, str]] = set()


def shows(name: str, *values: Setting) -> pytest.MarkDecorator:
    """The parameter `value` takes these values of a switch, and each is shown to have its effect."""
    SHOWN.update((name, spelled(value)) for value in values)
    return pytest.mark.parametrize("value", values)


def assert_all_shown(names: set[str]) -> None:
    """Of these switches every value is shown, and of those that are numbers one."""
    known = {(name, spelled(choice)) for name in names for choice in switches()[name].choices}
    numbers = {name for name in names if switches()[name].bounds}
    shown = {entry for entry in SHOWN if entry[0] in names}
    assert {entry for entry in shown if entry[0] not in numbers} == known
    assert {name for name, _ in shown} >= numbers


class Box:
    """A mailbox and the ways in."""

    def __init__(self, simulator: Simulator, name: str, language: str) -> None:
        self.simulator = simulator
        self.name = name
        self.language = language
        self.home = f"/exchange/{quote(name, safe='@')}/"
        found = simulator.folders(self.home)
        self.inbox, self.drafts, self.deleted, self.calendar, self.sent = (
            path_of(found[role]) for role in ("inbox", "drafts", "deleteditems", "calendar", "sentitems")
        )

    def turn(self, **changes: object) -> Any:
        """Set switches."""
        return self.simulator.turn(**changes)

    def now(self) -> float:
        """Epoch seconds of the simulator's clock."""
        return self.simulator.put_clock_forward(0)

    def ask(self, method: str, path: str, body: str = "", **headers: str) -> Answer:
        """Any request."""
        return self.simulator.ask(method, path, body, 0, **headers)

    def request(self, *, wanted: bool = True) -> Row:
        """The oldest meeting request."""
        return self.simulator.requests(self.inbox, wanted=wanted)[0]

    def accept(self, row: Row) -> Answer:
        """Accept by href."""
        return self.ask("GET", path_of(row["href"]) + "?Cmd=accept")

    def find(self, folder: str) -> list[Row]:
        """What is in a folder, oldest first."""
        return self.simulator.find(folder)

    def search(self, columns: str = '"urn:schemas:httpmail:subject"', order: str = "", **headers: str) -> Answer:
        """The Inbox, raw."""
        sql = f'SELECT {columns} FROM "" WHERE "DAV:isfolder" = False {order}'
        return self.ask("SEARCH", self.inbox, searchrequest(sql), **headers)

    def submit(self, row: Row, destination: str = "") -> Answer:
        """Send a draft."""
        url = destination or f"http://mail.example.com{self.home}%23%23DavMailSubmissionURI%23%23/"
        return self.ask("MOVE", path_of(row["href"]), Destination=url)

    def told(self, row: Row) -> dict[str, Any]:
        """What the oracle knows of the message of a row."""
        uid, subject = row["{urn:schemas:calendar:}uid"], row["{urn:schemas:httpmail:}subject"]
        mine = self.simulator.messages_of(self.name)
        found = [one for one in mine if (one["uid"], one["subject"]) == (uid, subject)]
        return dict(found[0])


class Boxes:
    """Hands out mailboxes, each once."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self._proposing = {one["mailbox"] for one in simulator.oracle("messages") if one["counter_proposal"]}
        self._left: list[tuple[str, str]] = [
            (one["mailbox"], one["language"])
            for one in simulator.oracle("mailboxes")
            if one["messages"]["request"] > 3 and one["messages"]["response"] > 1
        ]

    def take(self, language: str | None = None, *, having_counter_proposal: bool = False) -> Box:
        """The next mailbox, of a language, or with a response that proposes another time."""
        wanted = self._proposing if having_counter_proposal else {name for name, _ in self._left}
        chosen = next(entry for entry in self._left if language in {None, entry[1]} and entry[0] in wanted)
        self._left.remove(chosen)
        return Box(self.simulator, *chosen)

    def reset(self) -> None:
        """Every switch at its default, no faults."""
        self.simulator.turn(**{name: switch.default for name, switch in switches().items()})
        assert self.simulator.post("faults", []).status == 200


def boxes(*arguments: str) -> Iterator[Boxes]:
    """A simulator with many small mailboxes."""
    with running("--mailboxes", "320", "--requests", "6", "--responses", "4", *arguments) as simulator:
        yield Boxes(simulator)
