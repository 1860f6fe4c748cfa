"""TLS to a mail server: the context with the oldest version that is allowed, and what a failed handshake means.

Certificates are always verified; nothing here can turn that off.
"""

import ssl
import warnings
from typing import Literal

from urllib3.util import create_urllib3_context

from rsvpq.http.deadlines import TlsConnection, TlsSocket
from rsvpq.mail.errors import BUSY_DELAY_S

Version = Literal["1.0", "1.1", "1.2", "1.3"]

#: How long a server is left alone whose certificate cannot be trusted, in seconds: a person has to mend it.
CERTIFICATE_DELAY_S = 600.0

_VERSIONS: dict[Version, ssl.TLSVersion] = {
    "1.0": ssl.TLSVersion.TLSv1,
    "1.1": ssl.TLSVersion.TLSv1_1,
    "1.2": ssl.TLSVersion.TLSv1_2,
    "1.3": ssl.TLSVersion.TLSv1_3,
}
#: What is no longer safe, and no longer in OpenSSL's default security level.
LEGACY: frozenset[Version] = frozenset({"1.0", "1.1"})
#: ssl.OP_LEGACY_SERVER_CONNECT of Python 3.12: OpenSSL 3 wants it for servers without RFC 5746, such as Windows 2003.
_LEGACY_SERVER_CONNECT = 0x4

# OpenSSL, include/openssl/x509_vfy.h.in: X509_V_ERR_*
_CA_REMEDY = "add the certificate of its authority to ca_bundle"
_CERTIFICATE_REASONS = {
    9: "is not valid yet; look at the clocks of both machines",
    10: "has expired; renew it on the server",
    18: f"is self-signed; {_CA_REMEDY}",
    19: f"is of an authority that is not trusted (self-signed); {_CA_REMEDY}",
    20: f"is of an authority that is not known; {_CA_REMEDY}",
    21: f"is of an authority that is not known; {_CA_REMEDY}",
    62: "is for another host; use the name in the certificate as the url",
    64: "is for another address; use the name in the certificate as the url",
    66: "has a key that is too short; renew it on the server",
    68: "is signed with a digest that is too weak; renew it on the server",
}
#: OpenSSL's reasons for a handshake without a result.
_NOTHING_IN_COMMON = {
    "DH_KEY_TOO_SMALL",
    "NO_PROTOCOLS_AVAILABLE",
    "SSLV3_ALERT_HANDSHAKE_FAILURE",
    "TLSV1_ALERT_INSUFFICIENT_SECURITY",
    "TLSV1_ALERT_PROTOCOL_VERSION",
    "UNSAFE_LEGACY_RENEGOTIATION_DISABLED",
    "UNSUPPORTED_PROTOCOL",
}
_NO_TLS = {"HTTP_REQUEST", "RECORD_LAYER_FAILURE", "WRONG_VERSION_NUMBER"}


class HandshakeFailed(ssl.SSLError):
    """The connection broke before anything was sent over it, for another reason than the certificate."""

    def __init__(self, cause: OSError) -> None:
        super().__init__("the handshake failed")
        self.cause = cause


class Connection(TlsConnection):
    """Tells a failed handshake from a connection that broke later, when the request may have arrived.

    Old servers just close the connection if there is no version or cipher in common, which looks the same.
    """

    def connect(self) -> None:
        """Connect and shake hands."""
        try:
            super().connect()
        except ssl.SSLCertVerificationError:
            raise
        except OSError as error:
            raise HandshakeFailed(error) from None


def client_context(minimum: Version) -> ssl.SSLContext:
    """A verifying context; versions that are not safe any more come with the ciphers they need."""
    legacy = minimum in LEGACY
    context = create_urllib3_context(ciphers="ALL:!aNULL:!eNULL:@SECLEVEL=0" if legacy else None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that is what the operator asked for
        context.minimum_version = _VERSIONS[minimum]
    context.sslsocket_class = TlsSocket
    if legacy:
        context.options |= _LEGACY_SERVER_CONNECT
    return context


def handshake_failure(error: BaseException) -> tuple[str, float] | None:
    """What a failed handshake means and what to do about it, and for how long to leave the server alone.

    None if the connection broke at some other time.
    """
    found = _ssl_error(error)
    if isinstance(found, ssl.SSLCertVerificationError):
        unknown = f"cannot be verified ({found.verify_message})"
        text = f"the server's certificate {_CERTIFICATE_REASONS.get(found.verify_code, unknown)}"
        return text, CERTIFICATE_DELAY_S
    if not isinstance(found, HandshakeFailed):
        return None
    reason = getattr(found.cause, "reason", "")
    if reason in _NOTHING_IN_COMMON:
        text = "the server offers no TLS version or cipher that is allowed; update it, or lower tls_minimum"
        return text, CERTIFICATE_DELAY_S
    if reason in _NO_TLS:
        return "the server does not speak TLS on this port; correct the url", CERTIFICATE_DELAY_S
    return "the TLS handshake broke off; if it always does, the server may need a lower tls_minimum", BUSY_DELAY_S


def _ssl_error(error: BaseException) -> ssl.SSLError | None:
    """The standard library's error inside those of urllib3 and requests, which wrap one another."""
    seen: list[BaseException] = []
    waiting = [error]
    while waiting:
        one = waiting.pop()
        if isinstance(one, ssl.SSLError):
            return one
        if any(one is other for other in seen):
            continue
        seen.append(one)
        inner = [*one.args, getattr(one, "reason", None), one.__cause__, one.__context__]
        waiting += [part for part in inner if isinstance(part, BaseException)]
    return None
