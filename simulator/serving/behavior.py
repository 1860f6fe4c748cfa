"""Switches of the wire format, which differs between servers for every request."""

# ruff: noqa: RUF009 - the calls make the fields

from dataclasses import dataclass
from typing import Literal

from simulator.world.behavior import StoreBehavior
from simulator.world.switch_fields import choice

Framing = Literal["chunked", "byte-chunks", "torn-characters", "content-length"]


@dataclass(frozen=True)
class ServerBehavior(StoreBehavior):
    """The switches of one server, of its store and of its HTTP; the clock is that of the store."""

    version: Literal["2000", "2003", "2007"] = choice("2003", "captured", "headers; 2007 has no OWA below /exchange")
    error_body: Literal["page", "empty"] = choice("page", "open", "what comes with an error status", ("page", "empty"))
    framing: Framing = choice("chunked", "captured", "how a 207 is cut: chunks, one per byte, within letters, or none")
    gzip: bool = choice(False, "documented", "compresses a 207 for clients that accept gzip")
    expect_continue: Literal["400", "100"] = choice(
        "400", "reported", "a request that waits with its body for 100 Continue: refused, or invited"
    )
    keep_alive: bool = choice(True, "documented", "connections stay open")
