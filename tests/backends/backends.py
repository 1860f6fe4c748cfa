"""The backends that are tested. A new one is a harness, with its habits, and a line in :data:`BACKENDS`."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.backends import ews, webdav
from tests.backends.harness import Habits, Harness


@dataclass(frozen=True, slots=True)
class KnownBackend:
    """How a server with the backend in front of it is started, and what is special about it."""

    start: Callable[[Path], Iterator[Harness]]
    habits: Habits


BACKENDS: Mapping[str, KnownBackend] = {
    "webdav": KnownBackend(webdav.webdav_harness, webdav.HABITS),
    "ews": KnownBackend(ews.ews_harness, ews.HABITS),
}
AT_ONCE = [name for name, one in BACKENDS.items() if one.habits.answers_at_once]
BY_DRAFT = [name for name in BACKENDS if name not in AT_ONCE]
