"""A page's login form, read from its own inputs: what it is, where it goes, and which fields take name and password.

Companies write login pages of their own in front of a server, and name the fields as they like: ``txtUserName``,
``userid``, ``SafeWordUser``, ``pw`` (the lists that DavMail keeps; its pull requests 26 and 93). So the one text input
and the one password input are taken, whatever they are called, and all else is sent back as it stands, as a browser
does. A form that asks for more than that is not understood, and not filled in: a guess would be a failed logon.

Pure; sends nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import parse_qs

from lxml import etree, html

from rsvpq.http.message import HttpResponse
from rsvpq.http.status import LOGIN_TIMEOUT
from rsvpq.text import printable

Login = Literal["", "ended", "wanted", "refused"]


#: Which of several text inputs is the user's name: the first word that fits only one of them.
_USER_WORDS = ("user", "login", "logon", "account", "mail", "name")
#: What may stand empty, as the user's name has it before a backslash.
_DOMAIN = "domain"
_TYPED = frozenset({"text", "email", ""})
_TICKED = frozenset({"radio", "checkbox"})
#: How much of a page is looked at, in bytes: no logon page has so much, and what is parsed takes thirty times the room.
_LARGEST_PAGE = 1024 * 1024
#: What only somebody who looks at the page can answer.
_ASKED = "it asks for {}, where one text and one password are understood"


class NotUnderstoodError(ValueError):
    """There is a login form, and nobody can say what to write into it; the text says why."""


@dataclass(frozen=True, slots=True)
class LoginForm:
    """A form that takes a user's name and a password."""

    #: The URL that it is sent to, as the page has it.
    action: str
    user_field: str
    password_field: str
    #: All other fields, as they stand on the page.
    others: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class LoginPages:
    """What is known in advance of a server's login form; a form that asks for a password is known anyway.

    :param names: the last part of the paths of login pages, in lower case; a redirect to one asks for a login.
    :param actions: parts of the URLs that their forms are sent to, in lower case.
    :param sent_to: where the form of a page is sent that shows none, by the name of the page.
    :param otherwise_sent_to: and that of a page of another name.
    :param user_field: the field of the user name there. :param password_field: that of the password.
    :param defaults: fields that are sent unless the form has them. :param fields: fields that are sent in any case.
    :param destination: the name of the field with the URL to go to after the login.
    :param cookies: cookies that are sent with a form.
    :param session_cookies: what the names of the cookies begin with that make a session, in lower case.
    :param ended: the ``reason`` in the address of a login page that stands for a session that has ended.
    :param refused: and those that stand for a refused credential.
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
        """Tell whether a response stands for a login: a session that has ended, a form to fill in, or a refusal.

        It has one of three shapes, and in none of them was the request carried out: the status 440, a redirect to the
        login page, or the page itself. The last is a suspicion only: an application may show pages that others wrote,
        with a form in them.
        """
        if response.cleared:
            return ""
        location = response.headers.get("Location", "")
        if location and self.leads_to_login(location):
            reason = parse_qs(location.partition("?")[2]).get("reason", [""])[-1]
            return "refused" if reason in self.refused else "ended" if reason == self.ended else "wanted"
        if response.status == LOGIN_TIMEOUT:
            return "ended"
        html_page = "html" in response.headers.get("Content-Type", "").lower()
        return "wanted" if html_page and self.is_login_page(response.body) else ""

    def leads_to_login(self, location: str) -> bool:
        """Whether a redirect leads to a login page; an item may have such a word in its name."""
        path = location.partition("?")[0].partition("#")[0]
        return path.rpartition("/")[2].lower() in self.names

    def is_login_page(self, page: bytes) -> bool:
        """Whether a page has a form that asks for a password, or that is sent where the known ones are.

        Words alone prove nothing: the page may be about anything.
        """
        lower = page[:_LARGEST_PAGE].lower()  # many times faster than to parse it
        if b"<form" not in lower or not (b"password" in lower or any(one.encode() in lower for one in self.actions)):
            return False
        return any(_asks_for_password(form) or self._is_known(form) for form in _forms(page))

    def _is_known(self, form: etree._Element) -> bool:
        return any(action in (form.get("action") or "").lower() for action in self.actions)

    def action_of(self, page_name: str) -> str:
        """Return where the form of a page is sent that shows none; '' if that is not known."""
        return self.sent_to.get(page_name, self.otherwise_sent_to)


def find_login_form(page: bytes) -> LoginForm | None:
    """Return the first form of a page that asks for a password; None if none does.

    :raises NotUnderstoodError: such forms there are, but none can be filled in.
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
    shown = [part for part in form.iter("input") if _is_shown(part)]
    passwords = [part.get("name", "") for part in shown if _kind(part) == "password"]
    if len(passwords) != 1 or not passwords[0]:
        raise NotUnderstoodError(_ASKED.format(f"{len(passwords)} passwords ({listed(passwords)})"))
    typed = {part.get("name", ""): part.get("value", "") for part in shown if _kind(part) in _TYPED}
    user = _user_field(typed)
    others = {name: value for name, value in typed.items() if name not in {"", user}} | dict(_kept(form))
    others.pop(passwords[0], None)
    return LoginForm(form.get("action") or "", user, passwords[0], others)


def _is_shown(part: etree._Element) -> bool:
    style = part.get("style", "").replace(" ", "").lower()
    return part.get("disabled") is None and "display:none" not in style


def _user_field(typed: Mapping[str, str]) -> str:
    named = [name for name in typed if name]
    user = named[0] if len(named) == 1 else ""
    for word in _USER_WORDS:
        fits = [name for name in named if word in name.lower() and _DOMAIN not in name.lower()]
        user = user or (fits[0] if len(fits) == 1 else "")
    blank = [name for name in named if name != user and not typed[name] and _DOMAIN not in name.lower()]
    if not user or blank:
        raise NotUnderstoodError(_ASKED.format(f"{len(named)} texts ({listed(named)})"))
    return user


def listed(names: Sequence[str]) -> str:
    """Join names for people: they are the server's, and written into logs."""
    return ", ".join(map(printable, names[:5])) or "without a name"


def _kept(form: etree._Element) -> Iterator[tuple[str, str]]:
    """What a browser sends back as it stands: hidden values, what is ticked, the chosen options, the button."""
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
