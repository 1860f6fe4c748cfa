"""The HTML of OWA 2003 basic, as far as a program looks at it.

Class names and the shape of the list are those that a screen scraper relied on; no capture of the pages that commands
answer is public, so those are guesses and a client must not read them.
"""

from html import escape

from simulator.serving.http import Response
from simulator.webdav.properties.items import etag
from simulator.webdav.urls import href_path
from simulator.world.mailboxes import Folder, Item, Mailbox

_PAGE_ROWS = 25
#: What is around the list; a scraper tells the list by its having neither of these classes.
_CHROME = '<table class="trToolbar"><tr><td></td></tr></table><table class="tblFolderBar"><tr><td></td></tr></table>'


def _page(title: str, body: str, head: str = "") -> Response:
    text = (
        f"<html><head><title>{escape(title)}</title>\r\n{head}</head>\r\n"
        f'<body class="owa">\r\n<!-- Microsoft Outlook Web Access 6.5.7226 -->\r\n{body}\r\n</body></html>'
    )
    return Response(200, text.encode(), "text/html; charset=utf-8")


def folder(resource: Folder, origin: str, number: int = 1) -> Response:
    """Return one page of a folder's list; some clients learn their mailbox from its `<base href>`."""
    newest = list(resource.items.values())[::-1]
    items = newest[(number - 1) * _PAGE_ROWS : number * _PAGE_ROWS]
    rows = "\r\n".join(map(_row, items))
    base = f'<base href="{escape(origin)}{href_path(resource.mailbox.root)}">\r\n'
    body = f"<form><table><tr><td>\r\n{_CHROME}\r\n<table>\r\n{rows}\r\n</table>\r\n</td></tr></table></form>"
    return _page(resource.name, body, base)


def _row(item: Item) -> str:
    # Eight cells; the third holds the icon, the sixth to the eighth who, what and when.
    link = escape(href_path(item).removeprefix(href_path(item.mailbox.root))) + "?Cmd=open"
    received = item.message.received.strftime("%a %m/%d/%Y %I:%M %p")
    sender = _weighted(item, escape(item.message.sender.name))
    subject = _weighted(item, escape(item.message.subject) or "(no subject)")
    icon = f'<img src="/exchweb/img/{_icon(item)}">'
    cells = ("", "", icon, "", "", sender, f'<a href="{link}">{subject}</a>', _weighted(item, received))
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _weighted(item: Item, text: str) -> str:
    return text if item.message.read else f"<b>{text}</b>"


def _icon(item: Item) -> str:
    if item.message.message_class.casefold() == "ipm.schedule.meeting.request":
        return "icon-mtgreq.gif"
    return "icon-msg-read.gif" if item.message.read else "icon-msg-unread.gif"


def options(mailbox: Mailbox) -> Response:
    """Return the page of a person's settings, on which nothing has an effect."""
    body = f'<form name="frmOptions" method="POST"><input name="OofState" value="0">{escape(mailbox.owner.name)}</form>'
    return _page("Options", body)


def logged_off() -> Response:
    """Return the page after logging off; with Basic there is no session to end."""
    return _page("Log Off", "<p>You have successfully logged off.</p>")


def saved(url: str) -> Response:
    """Return the page with the URL of a stored form (DavMail reads the span)."""
    return _page("Saved", f'<span id="itemHREF">{escape(url)}</span>')


#: What a stranger may have written into a message.
LURE = (
    '<form method="POST" action="/exchweb/bin/auth/owaauth.dll"><input name="username">'
    '<input type="password" name="password"></form>'
)


def message(item: Item, letter: str = "") -> Response:
    """Return the page of one message; ``letter`` is its own HTML."""
    sender, subject = escape(str(item.message.sender)), escape(item.message.subject)
    body = f'<table class="tblMsgBody" id="{escape(etag(item))}"><tr><td>{sender}</td></tr><tr><td>{subject}</td></tr>'
    return _page(item.message.subject, f"{body}<tr><td>{letter}</td></tr></table>")


def composer(draft: Item, origin: str, letter: str = "") -> Response:
    """Return the form to edit and send the draft of an answer, above the HTML that it answers."""
    action = escape(origin + href_path(draft))
    to, subject = escape(str(draft.message.recipient)), escape(draft.message.subject)
    body = (
        f'<form name="frmCompose" method="POST" action="{action}"><input type="hidden" name="Cmd" value="send">'
        f'<input name="to" value="{to}"><input name="subject" value="{subject}">'
        f'<textarea name="body"></textarea></form>{letter}'
    )
    return _page(draft.message.subject, body)


def closing() -> Response:
    """Return a page that closes its window, when no response is wanted."""
    return _page("Microsoft Outlook Web Access", "<script>window.close();</script>")


def failed() -> Response:
    """Return the error page, which has status 200."""
    return _page("Error", '<table class="tblErr"><tr><td>Your request could not be completed.</td></tr></table>')


def denied() -> Response:
    """Return the page for missing rights on the mailbox, which has status 200 as well."""
    return _page("Error", '<table class="tblErr"><tr><td>Access denied.</td></tr></table>')


def as_xml(resource: Item) -> Response:
    """Return the XML for the rich client."""
    subject = escape(resource.message.subject)
    text = f'<?xml version="1.0"?><item><href>{escape(href_path(resource))}</href><subject>{subject}</subject></item>'
    return Response(200, text.encode(), "text/xml")
