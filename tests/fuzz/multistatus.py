"""Damage real shapes of a multistatus as often as wanted: ``python -m tests.fuzz.multistatus [BODIES] [SEED]``.

Only rows or Malformed may come of it, for work in proportion to the body; prints how often which. `make test` runs a
short one (``test_fuzz.py``), by a seed of its own each time.
"""

import random
import sys
from collections import Counter
from functools import partial

from rsvpq.mail.errors import Malformed
from rsvpq.webdav.multistatus import Reader
from tests.support.multistatus_bodies import SHAPES, page, response
from tests.support.work_counts import calls_of

_FRAGMENTS = (
    *(b"<", b">", b"&", b"&#1;", b"&#x110000;", b"]]>", b"<!--", b"-->", b"<![CDATA[", b"</a:prop>", b"<a:response>"),
    *(
        b"</a:response>",
        b"</a:multistatus>",
        b"<g:0x1/>",
        b'xmlns:g="{',
        b"<!DOCTYPE x [",
        b"<?xml ?>",
        b"\x00",
        b"\xff",
    ),
)
#: Calls for each byte; one that comes alone costs six.
_MOST_CALLS = 20


def damaged(dice: random.Random) -> bytes:
    """A shape with up to eight cuts, copies, insertions and flipped bytes."""
    body = bytearray(dice.choice((*SHAPES, page(*[response(number) for number in range(dice.randrange(40))]))))
    for _ in range(dice.randrange(9)):
        at, length = dice.randrange(len(body) + 1), dice.randrange(80)
        match dice.randrange(4):
            case 0:
                del body[at : at + length]
            case 1:
                body[at:at] = body[at : at + length] * dice.randrange(1, 20)
            case 2:
                body[at:at] = dice.choice(_FRAGMENTS)
            case _:
                body[at : at + 1] = bytes([dice.randrange(256)])
    return bytes(body)


def outcome(body: bytes, size: int) -> str:
    """What comes of a body in pieces of this size."""
    reader = Reader()
    try:
        for at in range(0, len(body), size):
            for row in reader.feed(body[at : at + size]):
                assert row.href
        reader.close()
    except Malformed:
        return "malformed"
    return "rows, some broken" if reader.broken else "rows"


def run(bodies: int, seed: float) -> Counter[str]:
    """Damage so many bodies, and count what comes of them; an error says by which seed and body it comes again."""
    dice, counts = random.Random(seed), Counter[str]()  # noqa: S311 - to be repeated
    for _ in range(bodies):
        body, size = damaged(dice), dice.choice((1, 17, 1000, 65536))
        try:
            calls = calls_of(partial(count_outcome, counts, body, size))
        except Exception as error:
            error.add_note(f"seed {seed:g}, in pieces of {size}: {body!r}")
            raise
        counts["much work"] += calls > _MOST_CALLS * (len(body) + 100)
    return counts


def count_outcome(counts: Counter[str], body: bytes, size: int) -> None:
    """Count what comes of it."""
    counts[outcome(body, size)] += 1


def main(bodies: float = 20_000, seed: float = 1) -> int:
    """Run, and say how it went; 1 if any body was much work."""
    counts = run(int(bodies), seed)
    much = counts.pop("much work")
    print(f"{counts.total()} bodies: {dict(counts)}; much work: {much}")  # noqa: T201
    return 1 if much else 0


if __name__ == "__main__":
    sys.exit(main(*map(float, sys.argv[1:])))
