"""The lane of a mailbox: what may run now, decided in Redis by one atomic script at a time."""

from rsvpq.lanes.controls import Pools, Scope
from rsvpq.lanes.lanes import Lanes
from rsvpq.lanes.ledger import Finish, Item, OfferResult, Recorded, Release, Start, StartResult
from rsvpq.lanes.limits import Lane
from rsvpq.lanes.reading import LENIENT
from rsvpq.lanes.records import DecisionBatch, DecisionRecord, OperatorAction
from rsvpq.lanes.topics import Memory

__all__ = [
    "LENIENT",
    "DecisionBatch",
    "DecisionRecord",
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
    "Scope",
    "Start",
    "StartResult",
]
