"""What this Exchange does where no public capture shows what the real one did.

Every such choice is one field here and nowhere else, so that a client can be tried against the other answers.  The
defaults follow the one article that describes the whole flow (gsexdev.blogspot.com, September 2004).
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Behaviour:
    """The uncertain side effects and answers."""

    #: What `?Cmd=accept` and its kin answer: the composer page, or a redirect to the draft as related POSTs do (EVO).
    command_answer: Literal["page", "redirect"] = "page"
    #: What the name of the draft has before that of the request: nothing, or `Accepted: ` and its kin.
    draft_name_says_verdict: bool = False
    #: Whether a draft appears although the organizer asked for no response.
    drafts_unrequested: bool = False
    #: What becomes of the request: KB322214 says that it can stay, the article that it is gone.
    request_fate: Literal["removed", "deleted-items", "left"] = "removed"
    #: Whether accepting writes the calendar item at once.
    books_on_accept: bool = True
    #: Whether opening a response sets PR_MESSAGE_PROCESSED on it.
    open_marks_processed: bool = True
    #: Whether commands work on permanent URLs as they do on hrefs.
    commands_on_permanent_urls: bool = True
    #: The answer to a MOVE that sends: 200 in evolution-exchange's notes, 201 is accepted by every client.
    submission_status: int = 200
