"""The options of logins, and the authenticators that are built from them."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass, field

from simulator.serving.auth.accounts import Accounts
from simulator.serving.auth.authenticator import Authenticator, BasicAuthenticator, OfferAuthenticator
from simulator.serving.auth.dialects import ISA, OWA_2003, OWA_2007, PORTAL, TOKEN_PORTAL, Dialect
from simulator.serving.auth.forms import FormsAuthenticator, FormsStyle
from simulator.serving.auth.ntlm import NtlmAuthenticator
from simulator.serving.auth.sessions import Sessions

_DIALECTS: dict[str, Dialect] = {
    "forms2003": OWA_2003,
    "forms2007": OWA_2007,
    "isa": ISA,
    "portal": PORTAL,
    "token-portal": TOKEN_PORTAL,
}
_DIGEST = 'Digest qop="auth",algorithm=MD5-sess,nonce="+Upgraded+v1b4f6c2d",charset=utf-8,realm="Digest"'
_PLAIN: dict[str, Callable[[Accounts], Authenticator]] = {
    "basic": BasicAuthenticator,
    "ntlm": NtlmAuthenticator,
    "negotiate-only": lambda _: OfferAuthenticator("Negotiate"),
    "digest-only": lambda _: OfferAuthenticator(_DIGEST),
}


@dataclass(slots=True)
class Logins:
    """The authenticators of all servers, and what is shared behind them."""

    accounts: Accounts
    sessions: Sessions
    authenticators: list[Authenticator] = field(default_factory=list)

    def authenticator(self, server: int) -> Authenticator:
        """Return the authenticator of a server; the last one serves all further servers."""
        return self.authenticators[min(server, len(self.authenticators) - 1)]

    def without_forms(self, server: int) -> Authenticator:
        """That of a server for programs that know no forms: Basic where browsers have one."""
        authenticator = self.authenticator(server)
        return BasicAuthenticator(self.accounts) if isinstance(authenticator, FormsAuthenticator) else authenticator

    def report(self) -> dict[str, object]:
        """Return the `logins` of the oracle."""
        return {
            "good": self.accounts.good,
            "bad": self.accounts.bad,
            "locked_out": self.accounts.locked_out,
            "sessions": self.sessions.begun,
        }


def add_login_options(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    about = "forms logins are those of OWA 2003, OWA 2007, ISA Server and of companies' own pages (portal)"
    group = parser.add_argument_group("logins", about)
    group.add_argument(
        "--auth",
        action="append",
        choices=(*_PLAIN, *_DIALECTS),
        help="how to log in; the n-th for the n-th server, the last for the rest (default basic); ntlm needs pyspnego",
    )
    group.add_argument("--lockout", type=int, default=0, metavar="N", help="wrong passwords that lock an account")
    group.add_argument("--session-s", type=float, default=900.0, metavar="S", help="idle end of a forms session")
    group.add_argument("--reissue-every", type=int, default=0, metavar="N", help="requests before a new cadata")
    group.add_argument("--cookie-secure", action="store_true", help="mark cadata `secure`")
    group.add_argument(
        "--expired-page", action="store_true", help="answer an ended session's GET with the form, not a redirect to it"
    )


def build_logins(options: argparse.Namespace, password: str) -> Logins:
    """Build the logins from the options."""
    accounts = Accounts(options.user, password, options.lockout)
    logins = Logins(accounts, Sessions(options.session_s, options.reissue_every))
    style = FormsStyle(cookie_secure=options.cookie_secure, page_when_expired=options.expired_page)
    for kind in options.auth or ["basic"]:
        if kind in _DIALECTS:
            logins.authenticators.append(FormsAuthenticator(accounts, logins.sessions, _DIALECTS[kind], style))
        else:
            logins.authenticators.append(_PLAIN[kind](accounts))
    return logins
