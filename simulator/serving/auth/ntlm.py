"""NTLM as IIS does it: a handshake of three messages that authenticates the connection, not the request.

The messages are computed by pyspnego, which is needed for this kind of login only and imported when somebody asks for
it.
"""

import base64
import importlib
import os
import tempfile
from typing import Any

from simulator.serving.auth.accounts import Accounts
from simulator.serving.auth.authenticator import Entry, challenge, token
from simulator.serving.http import Request

_SCHEME = "NTLM"
_SIGNATURE = b"NTLMSSP\0"
_NEGOTIATE, _AUTHENTICATE = 1, 3
#: Where a type 3 message says where its domain and user are, and its flags (MS-NLMP 2.2.1.3).
_DOMAIN_AT, _USER_AT, _FLAGS_AT = 28, 36, 60
_UNICODE = 1
#: Keys of what a connection remembers.
_LET_IN, _HANDSHAKE = "ntlm.let_in", "ntlm.handshake"


class NtlmAuthenticator:
    """One server that authenticates connections."""

    def __init__(self, accounts: Accounts) -> None:
        try:
            self._spnego: Any = importlib.import_module("spnego")
        except ImportError as error:
            raise SystemExit("simulator: --auth ntlm needs the package pyspnego") from error
        self._accounts = accounts
        self._credentials = _credentials_file(accounts)

    def check(self, request: Request) -> Entry:
        """Let in what comes over an authenticated connection; take the next step of the handshake otherwise."""
        message = token(request.headers.get("authorization"), _SCHEME.casefold())
        if message is None:
            return Entry() if _LET_IN in request.connection else Entry(challenge(_SCHEME))
        kind = _kind(message)
        handshake = request.connection.pop(_HANDSHAKE, None)
        if kind == _NEGOTIATE:
            return self._challenged(request, message)
        if kind == _AUTHENTICATE and handshake is not None and self._proves(handshake, message):
            request.connection[_LET_IN] = True
            return Entry()
        return Entry(challenge(_SCHEME))

    def _challenged(self, request: Request, message: bytes) -> Entry:
        # A new handshake ends what the one before had won.
        request.connection.pop(_LET_IN, None)
        handshake = self._spnego.server(protocol="ntlm", options=self._spnego.NegotiateOptions.use_ntlm)
        try:
            answer = handshake.step(message)
        except (self._spnego.exceptions.SpnegoError, ValueError):
            return Entry(challenge(_SCHEME))
        request.connection[_HANDSHAKE] = handshake
        return Entry(challenge(f"{_SCHEME} {base64.b64encode(answer).decode()}"))

    def _proves(self, handshake: Any, message: bytes) -> bool:
        user = _claimed_user(message)
        try:
            handshake.step(message)
        except (self._spnego.exceptions.SpnegoError, ValueError):
            return self._accounts.record(user, right=False)
        return self._accounts.record(user, right=bool(handshake.complete))


def _credentials_file(accounts: Accounts) -> "tempfile._TemporaryFileWrapper[str]":
    """Write the credentials to a file, because pyspnego reads them only from a file named by the environment."""
    if ":" in accounts.password:
        raise SystemExit("simulator: --auth ntlm cannot do with a colon in the password")
    domain, mark, user = accounts.user.partition("\\")
    file = tempfile.NamedTemporaryFile("w", encoding="utf-8", prefix="simulator-ntlm-")  # noqa: SIM115 - lives as we do
    file.write(f"{domain}:{user}:{accounts.password}\n" if mark else f":{domain}:{accounts.password}\n")
    file.flush()
    os.environ["NTLM_USER_FILE"] = file.name
    # Nothing older than NTLMv2.
    os.environ["LM_COMPAT_LEVEL"] = "5"
    return file


def _kind(message: bytes) -> int:
    return int.from_bytes(message[8:12], "little") if message.startswith(_SIGNATURE) else 0


def _claimed_user(message: bytes) -> str:
    """Return the user name in a type 3 message, whether right or wrong."""
    flags = int.from_bytes(message[_FLAGS_AT : _FLAGS_AT + 4], "little")
    encoding = "utf-16-le" if flags & _UNICODE else "latin-1"
    domain, user = (_field(message, at).decode(encoding, "replace") for at in (_DOMAIN_AT, _USER_AT))
    return f"{domain}\\{user}" if domain else user


def _field(message: bytes, at: int) -> bytes:
    length, start = (int.from_bytes(message[at + skip : at + skip + size], "little") for skip, size in ((0, 2), (4, 4)))
    return message[start : start + length]
