"""Python reads this when it starts, if this directory is on PYTHONPATH: the clock of the process can be moved.

``time.time`` is ahead by the seconds that the file ``$CHAOS_CLOCK`` holds as eight bytes, whenever they change. Clocks
that only tell how much time has passed are left alone, as a step of the system's clock leaves them.
"""

import mmap
import os
import struct
import time
from pathlib import Path

with Path(os.environ["CHAOS_CLOCK"]).open("rb") as _file:
    _shared = mmap.mmap(_file.fileno(), 8, access=mmap.ACCESS_READ)
_real = time.time


def _moved() -> float:
    ahead: float = struct.unpack("<d", _shared[:8])[0]
    return _real() + ahead


time.time = _moved
