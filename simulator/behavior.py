"""Switches of a server, where servers differ or no public capture shows the original.

Every such choice is one field: a switch, so that a client can be tried against the other answers.  A field stands where
its effect is: with the store (`simulator.world.behavior`), with HTTP (`simulator.serving.behavior`), or with a face
(`simulator.webdav.behavior`, `simulator.ews.behavior`).  The defaults are Exchange 2003 SP1 as captures and
documentation show it, and where they are silent the one article that describes the whole flow (gsexdev.blogspot.com,
September 2004); those of Exchange Web Services are what Microsoft documents.  How a switch is spelled and listed is
`simulator.oracle.switches`.
"""

from dataclasses import dataclass

from simulator.ews.behavior import EwsBehavior
from simulator.webdav.behavior import WebdavBehavior


@dataclass(frozen=True)
class Behavior(EwsBehavior, WebdavBehavior):
    """All switches of one server: those of the store, of HTTP, and of both faces."""
