"""Lanes: one queue for each mailbox in Redis; atomic Lua scripts decide what may run now."""

from rsvpq.lanes.controls import Pools, Scope
from rsvpq.lanes.ending import Ending, ScanTotals
from rsvpq.lanes.lanes import Lanes
from rsvpq.lanes.ledger import (
    DecisionBatch,
    DecisionRecord,
    Finish,
    Item,
    Memory,
    OfferResult,
    OperatorAction,
    Recorded,
    Release,
    Start,
    StartResult,
)
from rsvpq.lanes.limits import Lane
from rsvpq.lanes.reading import LENIENT

__all__ = [
    "LENIENT",
    "DecisionBatch",
    "DecisionRecord",
    "Ending",
    "Finish",
    "Item",
    "Lane",
    "Lanes",
    "Memory",
    "OfferResult",
    "OperatorAction",
    "Pools",
    "Recorded",
    "Release",
    "ScanTotals",
    "Scope",
    "Start",
    "StartResult",
]
