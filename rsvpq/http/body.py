"""The body of an answer: read in pieces, no larger than allowed and not for ever, and kept small.

A server that ignores Range answers a search with the whole folder. That is text full of repetition, so what goes beyond
the first :data:`PLAIN` bytes is kept compressed: 20,000 rows take 2 MB instead of 30, and no connection waits while
they are worked on.
"""

import zlib
from collections.abc import Iterator
from time import monotonic

import requests
from urllib3.exceptions import HTTPError

#: The most of an answer that is read, in bytes: a page of 100 rows is about 200 kB.
LARGEST_ANSWER = 16 * 1024 * 1024
#: The most of a multistatus that is read, in bytes: 100,000 rows. Compressed it has the bound above.
LARGEST_MULTISTATUS = 256 * 1024 * 1024
#: How much of a multistatus is kept as it is.
PLAIN = 1024 * 1024
_PIECE = 65536


class TooLarge(Exception):
    """More bytes than allowed."""


class Lost(Exception):
    """The body broke off, could not be unpacked, or took too long; the text says which."""


class Packed:
    """Bytes kept compressed, written once and read any number of times."""

    def __init__(self) -> None:
        self._packer = zlib.compressobj(1)
        self._packed = bytearray()

    def write(self, piece: bytes) -> None:
        """Add a piece.

        :raises TooLarge: it does not compress as text does.
        """
        self._packed += self._packer.compress(piece)
        if len(self._packed) > LARGEST_ANSWER:
            raise TooLarge(f"the answer is larger than {LARGEST_ANSWER} bytes, compressed")

    def pieces(self) -> Iterator[bytes]:
        """All that was written, in pieces; ends the writing."""
        self._packed += self._packer.flush(zlib.Z_SYNC_FLUSH)
        unpacker = zlib.decompressobj()
        rest = bytes(self._packed)
        while rest:
            yield unpacker.decompress(rest, _PIECE)
            rest = unpacker.unconsumed_tail


def read(response: requests.Response, longest_s: float, *, rows: bool) -> tuple[bytes, Packed | None]:
    """The body, and what of it is kept compressed.

    :param longest_s: the most seconds spent waiting for it, all in all.
    :param rows: whether it may be a long multistatus.
    :raises TooLarge, Lost: see there.
    """
    plain, packed = bytearray(), None
    for piece in _pieces(response, LARGEST_MULTISTATUS if rows else LARGEST_ANSWER, longest_s):
        if not rows or len(plain) < PLAIN:
            plain += piece
        else:
            packed = packed or Packed()
            packed.write(piece)
    return bytes(plain), packed


def _pieces(response: requests.Response, most_bytes: int, longest_s: float) -> Iterator[bytes]:
    """What has arrived, unpacked, until the end.

    A read timeout alone is no bound: a server that sends one byte a minute never meets it. So each piece is what one
    read of the socket brings.
    """
    size, end = 0, monotonic() + longest_s
    while True:
        try:
            piece = response.raw.read1(_PIECE, decode_content=True)
        except (HTTPError, OSError) as error:
            raise Lost(type(error).__name__) from None
        if not piece:
            return
        size += len(piece)
        if size > most_bytes:
            raise TooLarge(f"the answer is larger than {most_bytes} bytes")
        if monotonic() > end:
            raise Lost(f"not at its end after {longest_s:g} s")
        yield piece
