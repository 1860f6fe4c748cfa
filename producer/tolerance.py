"""One message that cannot be looked at does not hide the others of its mailbox."""

import logging
from collections.abc import Callable
from typing import TypeVar

from rsvpq.mail.errors import Busy, ExchangeError, Gone, Refused

logger = logging.getLogger(__name__)
T = TypeVar("T")

#: How many looks may fail one after the other that say nothing about their messages: then it is the server that is ill.
MOST_IN_A_ROW = 3


class Tolerance:
    """Looks at the messages of one mailbox, one after the other."""

    def __init__(self) -> None:
        self._in_a_row = 0

    def look(self, at: Callable[[], T], instead: Callable[[str], T]) -> T:
        """What comes of a look; where the server refuses this message, or fails over it, ``instead`` with the reason.

        :raises ExchangeError: it is not this message: the server is busy, or failed several times in a row.
        """
        try:
            found = at()
        except Busy:
            raise
        except ExchangeError as error:
            self._in_a_row = 0 if isinstance(error, Gone | Refused) else self._in_a_row + 1
            if self._in_a_row == MOST_IN_A_ROW:
                raise
            logger.warning("event=not-looked-at error=%s", type(error).__name__)
            return instead(f"it could not be looked at ({type(error).__name__}: {error})")
        self._in_a_row = 0
        return found
