"""Recognize and read the login form of a page: where it is sent, and its fields for user name and password.

Companies put their own login pages in front of a server, and choose the names of the fields: ``txtUserName``,
``userid``, ``SafeWordUser``, ``pw`` (DavMail keeps such lists; its pull requests 26 and 93). So the only text input and
the only password input are used, whatever their names are, and all other fields are sent back unchanged, as a browser
does. A form that asks for more than that is not filled in: a wrong guess would be a failed logon.

Pure; sends nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import parse_qs

from lxml import etree, html

from rsvpq.http.message import LOGIN_TIMEOUT, HttpResponse
from rsvpq.text import printable

Login = Literal["", "ended", "wanted", "refused"]


#: Which of several text inputs is the user name: the first of these words that only one input has in its name.
_USER_WORDS = ("user", "login", "logon", "account", "mail", "name")
#: An input with this in its name may stay empty, because the user name has the domain before a backslash.
_DOMAIN = "domain"
_TYPED = frozenset({"text", "email", ""})
_TICKED = frozenset({"radio", "checkbox"})
#: The most bytes of a page that are read: no login page is larger, and parsed text takes thirty times the memory.
_LARGEST_PAGE = 1024 * 1024
_WRONG_FIELDS = "it asks for {}; only one text field and one password field are supported"


class NotUnderstoodError(ValueError):
    """There is a login form, but it is not clear how to fill it in; the text gives the reason."""


@dataclass(frozen=True, slots=True)
class LoginForm:
    """A form for a user name and a password."""

    #: The URL that it is sent to, as written on the page.
    action: str
    user_field: str
    password_field: str
    #: All other fields, with their values on the page.
    others: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class LoginPages:
    """What is known in advance about a server's login form. Any form that asks for a password is recognized anyway.

    :param names: the last part of the paths of login pages, in lower case; a redirect to one asks for a login.
    :param actions: parts of the URLs that their forms are sent to, in lower case.
    :param sent_to: for pages that show no form: the name of the page, and where its form is sent.
    :param otherwise_sent_to: where the form is sent for pages with other names.
    :param user_field: the field for the user name. :param password_field: the field for the password.
    :param defaults: fields that are sent unless the form has them. :param fields: fields that are always sent.
    :param destination: the name of the field with the URL to go to after the login.
    :param cookies: cookies that are sent with a form.
    :param session_cookies: the beginnings of the names of session cookies, in lower case.
    :param ended: the ``reason`` in the URL of a login page that means an ended session.
    :param refused: the reasons that mean a refused credential.
    """

    names: frozenset[str] = frozenset()
    actions: tuple[str, ...] = ()
    sent_to: Mapping[str, str] = field(default_factory=dict)
    otherwise_sent_to: str = ""
    user_field: str = "username"
    password_field: str = "password"  # noqa: S105 - a name
    defaults: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)
    destination: str = ""
    cookies: Mapping[str, str] = field(default_factory=dict)
    session_cookies: tuple[str, ...] = ()
    ended: str = ""
    refused: frozenset[str] = frozenset()

    def login(self, response: HttpResponse) -> Login:
        """Return whether a response is about a login: an ended session, a form to fill in, or a refusal; '' if not.

        There are three shapes, and in each of them the request was not executed: the status 440, a redirect to the
        login page, and the page itself. The last one is only a suspicion: an application may return pages that other
        people wrote, and these may contain a form.
        """
        if response.cleared:
            return ""
        path, _, query = response.headers.get("Location", "").partition("?")
        # Only the whole last part of the path counts.
        if path and path.partition("#")[0].rpartition("/")[2].lower() in self.names:
            reason = parse_qs(query).get("reason", [""])[-1]
            return "refused" if reason in self.refused else "ended" if reason == self.ended else "wanted"
        if response.status == LOGIN_TIMEOUT:
            return "ended"
        html_page = "html" in response.headers.get("Content-Type", "").lower()
        return "wanted" if html_page and self.is_login_page(response.body) else ""

    def is_login_page(self, page: bytes) -> bool:
        """Return whether a page has a form that asks for a password, or that is sent where the known forms are.

        Words alone prove nothing: the page may be about anything.
        """
        lower = page[:_LARGEST_PAGE].lower()  # many times faster than parsing it
        if b"<form" not in lower or not (b"password" in lower or any(one.encode() in lower for one in self.actions)):
            return False
        for form in _forms(page):
            action = (form.get("action") or "").lower()
            if _asks_for_password(form) or any(known in action for known in self.actions):
                return True
        return False


def find_login_form(page: bytes) -> LoginForm | None:
    """Return the first form of a page that asks for a password and can be filled in; None if none asks for one.

    :raises NotUnderstoodError: there are such forms, but none can be filled in.
    """
    problem: NotUnderstoodError | None = None
    for form in _forms(page):
        if _asks_for_password(form):
            try:
                return _read(form)
            except NotUnderstoodError as error:
                problem = problem or error
    if problem is not None:
        raise problem
    return None


def _forms(page: bytes) -> Iterator[etree._Element]:
    try:
        document = html.document_fromstring(
            page[:_LARGEST_PAGE], parser=html.HTMLParser(no_network=True, encoding="utf-8")
        )
    except (etree.ParserError, etree.XMLSyntaxError, ValueError):
        return iter(())
    return document.iter("form")


def _kind(part: etree._Element) -> str:
    return part.get("type", "").strip().lower()


def _asks_for_password(form: etree._Element) -> bool:
    return any(_kind(part) == "password" for part in form.iter("input"))


def _read(form: etree._Element) -> LoginForm:
    if form.get("method", "post").strip().lower() != "post":
        raise NotUnderstoodError("it would send the password in a URL (method GET)")
    styles = ((part, part.get("style", "").replace(" ", "").lower()) for part in form.iter("input"))
    shown = [part for part, style in styles if part.get("disabled") is None and "display:none" not in style]
    passwords = [part.get("name", "") for part in shown if _kind(part) == "password"]
    if len(passwords) != 1 or not passwords[0]:
        raise NotUnderstoodError(_WRONG_FIELDS.format(f"{len(passwords)} password fields ({listed(passwords)})"))
    typed = {part.get("name", ""): part.get("value", "") for part in shown if _kind(part) in _TYPED}
    user = _user_field(typed)
    others = {name: value for name, value in typed.items() if name not in {"", user}} | dict(_kept(form))
    others.pop(passwords[0], None)
    return LoginForm(form.get("action") or "", user, passwords[0], others)


def _user_field(typed: Mapping[str, str]) -> str:
    named = [name for name in typed if name]
    user = named[0] if len(named) == 1 else ""
    for word in _USER_WORDS:
        fits = [name for name in named if word in name.lower() and _DOMAIN not in name.lower()]
        user = user or (fits[0] if len(fits) == 1 else "")
    blank = [name for name in named if name != user and not typed[name] and _DOMAIN not in name.lower()]
    if not user or blank:
        raise NotUnderstoodError(_WRONG_FIELDS.format(f"{len(named)} text fields ({listed(named)})"))
    return user


def listed(names: Sequence[str]) -> str:
    """Join names for messages; made printable, because they come from the server and are logged."""
    return ", ".join(map(printable, names[:5])) or "without a name"


def _kept(form: etree._Element) -> Iterator[tuple[str, str]]:
    """Yield the fields that a browser sends unchanged: hidden values, checked boxes, selected options, the button."""
    buttons = [part for part in form.iter("input") if _kind(part) == "submit"]
    for part in form.iter("input"):
        kind, name = _kind(part), part.get("name", "")
        ticked = kind in _TICKED and part.get("checked") is not None
        if name and (kind == "hidden" or ticked or part in buttons[:1]):
            yield name, part.get("value", "on" if ticked else "")
    for choice in form.iter("select"):
        options = list(choice.iter("option"))
        chosen = next((one for one in options if one.get("selected") is not None), options[0] if options else None)
        if choice.get("name") and chosen is not None:
            yield choice.get("name", ""), chosen.get("value", (chosen.text or "").strip())
