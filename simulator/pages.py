"""The HTML of OWA 2003 basic, as far as a program looks at it.

Class names and the shape of the list are those that a screen scraper relied on; no capture of the pages that commands
answer is public, so those are guesses and a client must not read them.
"""

from html import escape

from simulator.http import Response
from simulator.properties import etag
from simulator.world import Folder, Item

_PAGE_ROWS = 25


def _page(title: str, body: str, head: str = "") -> Response:
    text = (
        f"<html><head><title>{escape(title)}</title>\r\n{head}</head>\r\n"
        f'<body class="owa">\r\n<!-- Microsoft Outlook Web Access 6.5.7226 -->\r\n{body}\r\n</body></html>'
    )
    return Response(200, text.encode(), "text/html; charset=utf-8")


def folder(resource: Folder, origin: str) -> Response:
    """The list of a folder; `<base href>` is how some clients learn which mailbox they are in."""
    items = list(resource.items.values())[: -_PAGE_ROWS - 1 : -1]
    rows = "\r\n".join(map(_row, items))
    base = f'<base href="{escape(origin)}{resource.mailbox.root.href_path}">\r\n'
    return _page(resource.name, f"<form><table>\r\n{rows}\r\n</table></form>", base)


def _row(item: Item) -> str:
    link = escape(item.href_path.removeprefix(item.mailbox.root.href_path)) + "?Cmd=open"
    subject = escape(item.message.subject) or "(no subject)"
    if not item.message.read:
        subject = f"<b>{subject}</b>"
    received = item.message.received.strftime("%a %m/%d/%Y %I:%M %p")
    sender = escape(item.message.sender.name)
    return f'<tr><td>{sender}</td><td><a href="{link}">{subject}</a></td><td>{received}</td></tr>'


def message(item: Item) -> Response:
    """One message, read."""
    sender, subject = escape(str(item.message.sender)), escape(item.message.subject)
    body = f'<table class="tblMsgBody" id="{escape(etag(item))}"><tr><td>{sender}</td></tr><tr><td>{subject}</td></tr>'
    return _page(item.message.subject, body + "</table>")


def composer(draft: Item, origin: str) -> Response:
    """The form in which a person would edit and send the draft of an answer."""
    action = escape(origin + draft.href_path)
    to, subject = escape(str(draft.message.recipient)), escape(draft.message.subject)
    body = (
        f'<form name="frmCompose" method="POST" action="{action}"><input type="hidden" name="Cmd" value="send">'
        f'<input name="to" value="{to}"><input name="subject" value="{subject}">'
        '<textarea name="body"></textarea></form>'
    )
    return _page(draft.message.subject, body)


def closing() -> Response:
    """The window closes: nobody wants to hear the answer."""
    return _page("Microsoft Outlook Web Access", "<script>window.close();</script>")


def failed() -> Response:
    """The error page that comes with 200."""
    return _page("Error", '<table class="tblErr"><tr><td>Your request could not be completed.</td></tr></table>')
