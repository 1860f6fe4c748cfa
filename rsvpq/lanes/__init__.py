"""The lane of a mailbox: what may run now, decided in Redis by one atomic script at a time."""

from rsvpq.lanes.lanes import Finish, Item, Lanes, Offered, Pools, Release, Scope, Start, Verdict

__all__ = ["Finish", "Item", "Lanes", "Offered", "Pools", "Release", "Scope", "Start", "Verdict"]
