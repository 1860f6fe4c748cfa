"""A page's login form, read from its own inputs: what it is, where it goes, and which fields take name and password.

Companies write their own logon pages before Exchange, and name the fields as they like: ``txtUserName``, ``userid``,
``SafeWordUser``, ``pw`` (the lists that DavMail keeps; its pull requests 26 and 93). So the one text input and the one
password input are taken, whatever they are called, and all else is sent back as it stands, as a browser does. A form
that asks for more than that is not understood, and not filled in: a guess would be a failed logon.

Pure; sends nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from lxml import etree, html

from rsvpq.text import printable

#: Where the forms of Exchange 2003, of 2007 and of ISA go; theirs are known by that even if they show no password.
_ACTIONS = ("owaauth.dll", "cookieauth.dll?logon", "auth/logon.aspx")
#: The pages that lead to them.
_PAGES = frozenset({"owalogon.asp", "logon.asp", "logon.aspx", "cookieauth.dll"})
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


def leads_to_login(location: str) -> bool:
    """Whether a redirect leads to a logon page of Exchange or ISA; an item may have such a word in its name."""
    path = location.partition("?")[0].partition("#")[0]
    return path.rpartition("/")[2].lower() in _PAGES


def is_login_page(page: bytes) -> bool:
    """Whether a page has a form that asks for a password, or that goes where those of Exchange and ISA go.

    Words alone prove nothing: every page of OWA shows subjects.
    """
    lower = page[:_LARGEST_PAGE].lower()  # many times faster than to parse it; every page of OWA comes by here
    if b"<form" not in lower or not (b"password" in lower or any(one.encode() in lower for one in _ACTIONS)):
        return False
    return any(_asks_for_password(form) or _goes_to_exchange(form) for form in _forms(page))


def find_login_form(page: bytes) -> LoginForm | None:
    """The first form of a page that asks for a password; None where none does.

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


def _goes_to_exchange(form: etree._Element) -> bool:
    return any(action in (form.get("action") or "").lower() for action in _ACTIONS)


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
    """For people: the names are the server's, and written into logs."""
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
