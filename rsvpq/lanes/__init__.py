"""The lane of a mailbox: what may run now, decided in Redis by one atomic script at a time."""

from rsvpq.lanes.lanes import (
    LENIENT,
    Deed,
    Finish,
    Item,
    Lanes,
    Memory,
    Offered,
    Pools,
    Recorded,
    Release,
    Ruling,
    Rulings,
    Scope,
    Start,
    Verdict,
)
from rsvpq.lanes.limits import Lane

__all__ = [
    "LENIENT",
    "Deed",
    "Finish",
    "Item",
    "Lane",
    "Lanes",
    "Memory",
    "Offered",
    "Pools",
    "Recorded",
    "Release",
    "Ruling",
    "Rulings",
    "Scope",
    "Start",
    "Verdict",
]
