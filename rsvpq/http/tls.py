"""TLS: the context with the oldest version that is allowed, and what a failed handshake means.

Certificates are always verified; nothing here can turn that off.
"""

import ssl
import warnings
from functools import cache
from typing import Literal

from requests.utils import DEFAULT_CA_BUNDLE_PATH

from rsvpq.http.deadlines import TlsSocket
from rsvpq.mail.errors import BUSY_DELAY_S

Version = Literal["1.0", "1.1", "1.2", "1.3"]

#: Seconds for which a server is left alone whose certificate cannot be trusted: a person has to mend it.
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


def client_context(minimum: Version, ca_bundle: str = "") -> ssl.SSLContext:
    """Make a verifying context; versions that are not safe any more come with the ciphers they need.

    :param ca_bundle: the path of a file with the trusted authorities, instead of those that requests brings.
    """
    legacy = minimum in LEGACY
    context = ssl.create_default_context(cafile=ca_bundle or DEFAULT_CA_BUNDLE_PATH)
    if legacy:
        context.set_ciphers("ALL:!aNULL:!eNULL:@SECLEVEL=0")
        context.options |= _LEGACY_SERVER_CONNECT
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that is what the operator asked for
        context.minimum_version = _VERSIONS[minimum]
    # No session is ever resumed, so old servers need not see the extension for it.
    context.options |= ssl.OP_NO_TICKET
    context.hostname_checks_common_name = False
    context.set_alpn_protocols(["http/1.1"])
    context.sslsocket_class = TlsSocket
    return context


#: One context for all servers with the same settings: loading the authorities takes 20 ms.
shared_context = cache(client_context)


def handshake_failure(error: OSError) -> tuple[str, float]:
    """Say what a failed handshake means and what to do about it, and for how long to leave the server alone.

    Old servers just close the connection if there is no version or cipher in common.
    """
    if isinstance(error, ssl.SSLCertVerificationError):
        unknown = f"cannot be verified ({error.verify_message})"
        text = f"the server's certificate {_CERTIFICATE_REASONS.get(error.verify_code, unknown)}"
        return text, CERTIFICATE_DELAY_S
    reason = getattr(error, "reason", "")
    if reason in _NOTHING_IN_COMMON:
        text = "the server offers no TLS version or cipher that is allowed; update it, or lower tls_minimum"
        return text, CERTIFICATE_DELAY_S
    if reason in _NO_TLS:
        return "the server does not speak TLS on this port; correct the url", CERTIFICATE_DELAY_S
    return "the TLS handshake broke off; if it always does, the server may need a lower tls_minimum", BUSY_DELAY_S
