"""A mailbox that was asked for by another of its names: the URLs in the answer are written with that name.

No public capture shows which of them Exchange writes; clients that cut hrefs at a mailbox's path need to meet both.
"""

from simulator.serving.http import Response
from simulator.webdav import urls
from simulator.webdav.address import Address
from simulator.webdav.answers.style import lowered
from simulator.webdav.urls import path_of

_SOURCE = "message/rfc822"


def as_asked(response: Response, address: Address) -> Response:
    """Return the answer with the requested name in all paths of the mailbox."""
    if not address.by_another_name or response.content_type == _SOURCE:
        return response
    own, asked = path_of(address.mailbox.root), "/exchange/" + urls.encode(address.asked)
    for written in {own, lowered(own)}:
        response.body = response.body.replace(written.encode() + b"/", asked.encode() + b"/")
    response.headers = tuple((name, value.replace(own + "/", asked + "/")) for name, value in response.headers)
    return response
