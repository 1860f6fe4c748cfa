"""Read response bodies: decode them piece by piece, within a size and a deadline, and keep them small in memory.

A server that ignores Range sends a whole listing at once. Such text is full of repetition, so everything beyond the
first :data:`PLAIN` bytes is kept compressed: 20,000 rows take 2 MB instead of 30 MB, and no connection is in use while
they are processed.
"""

import zlib
from collections.abc import Iterator
from http.client import HTTPResponse, IncompleteRead
from itertools import chain
from time import monotonic

#: The largest body that is read, in bytes.
LARGEST_BODY = 16 * 1024 * 1024
#: The largest body of a response that may be a long listing, in bytes; compressed, it is limited by LARGEST_BODY too.
LARGEST_LISTING = 256 * 1024 * 1024
#: How many bytes of a listing are kept uncompressed.
PLAIN = 1024 * 1024
_PIECE = 65536
_GZIP, _ZLIB, _RAW_DEFLATE = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS
#: The most content encodings that one body may have.
_MOST_ENCODINGS = 5


class TooLarge(Exception):
    """The body has more bytes than allowed."""


class Undecodable(Exception):
    """The body is not in the encoding that its header names."""


class Packed:
    """Bytes kept compressed, written once and read any number of times."""

    def __init__(self) -> None:
        self._packer = zlib.compressobj(1)
        self._packed = bytearray()

    def write(self, piece: bytes) -> None:
        """Add a piece.

        :raises TooLarge: the compressed data is too large.
        """
        self._packed += self._packer.compress(piece)
        if len(self._packed) > LARGEST_BODY:
            raise TooLarge(f"response body larger than {LARGEST_BODY} bytes, compressed")

    def pieces(self) -> Iterator[bytes]:
        """Yield everything that was written, in pieces; nothing can be written after that."""
        self._packed += self._packer.flush(zlib.Z_SYNC_FLUSH)
        unpacker = zlib.decompressobj()
        rest = bytes(self._packed)
        while rest:
            yield unpacker.decompress(rest, _PIECE)
            rest = unpacker.unconsumed_tail


def read_body(response: HTTPResponse, until: float, *, listing: bool) -> tuple[bytes, Packed | None]:
    """Read a whole body; return its beginning, and the rest of a long listing (None if there is none).

    :param until: the deadline, on the monotonic clock. :param listing: whether it may be a long listing.
    :raises TooLarge, Undecodable: see there. :raises TimeoutError: the deadline has passed.
    :raises OSError, http.client.HTTPException: the connection was lost.
    """
    plain, packed, size = bytearray(), None, 0
    most = LARGEST_LISTING if listing else LARGEST_BODY
    for piece in _decoded(_received(response), ",".join(response.headers.get_all("Content-Encoding", ()))):
        size += len(piece)
        if size > most:
            raise TooLarge(f"response body larger than {most} bytes")
        if monotonic() > until:
            raise TimeoutError("deadline exceeded")
        if listing and len(plain) >= PLAIN:
            packed = packed or Packed()
            packed.write(piece)
        else:
            plain += piece
    return bytes(plain), packed


def _received(response: HTTPResponse) -> Iterator[bytes]:
    """Yield the data of each read of the socket."""
    while piece := response.read1(_PIECE):
        yield piece
    if response.length:
        raise IncompleteRead(b"", response.length)


def _decoded(pieces: Iterator[bytes], encodings: str) -> Iterator[bytes]:
    """Undo the content encodings; unknown ones are ignored."""
    names = [name.strip().lower() for name in encodings.split(",")] if encodings else []
    if len(names) > _MOST_ENCODINGS:
        raise Undecodable(f"{len(names)} content encodings")
    for name in reversed(names):
        if name in {"gzip", "x-gzip"}:
            pieces = _inflated(pieces, _GZIP)
        elif name == "deflate":
            pieces = _deflate_decoded(pieces)
    return pieces


def _deflate_decoded(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Undo "deflate"; some servers send the raw format, without the two bytes of zlib (RFC 9110, 8.4.1.2)."""
    start = b""
    for piece in pieces:
        start += piece
        if len(start) > 1:
            break
    zlib_format = start[:1] and start[0] & 0x0F == zlib.DEFLATED and int.from_bytes(start[:2]) % 31 == 0
    yield from _inflated(chain([start], pieces), _ZLIB if zlib_format else _RAW_DEFLATE)


def _inflated(pieces: Iterator[bytes], wbits: int) -> Iterator[bytes]:
    """Decompress in pieces of a limited size, however much each piece expands."""
    inflater, members = zlib.decompressobj(wbits), 0
    try:
        for rest in pieces:
            while rest:
                if inflater.eof:  # gzip data may have several members
                    inflater, members = zlib.decompressobj(wbits), members + 1
                yield inflater.decompress(rest, _PIECE)
                rest = inflater.unconsumed_tail or inflater.unused_data  # noqa: PLW2901 - the rest of the piece
        yield inflater.flush()
    except zlib.error:
        if not members:
            raise Undecodable("invalid compressed data") from None
        for _ in pieces:  # padding after a whole member: unless it is read, it would start the next response
            pass
