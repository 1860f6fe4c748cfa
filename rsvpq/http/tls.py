"""TLS: contexts with the oldest allowed version, and explanations of failed handshakes.

Certificates are always verified; nothing here can turn that off.
"""

import ssl
import warnings
from functools import cache
from typing import Literal

from rsvpq.certificates import refusal
from rsvpq.http.deadlines import TlsSocket
from rsvpq.mail.errors import BUSY_DELAY_S

MinimumVersion = Literal["1.0", "1.1", "1.2", "1.3"]

#: Seconds to wait after a certificate was not trusted: a person has to repair that.
CERTIFICATE_DELAY_S = 600.0

_VERSIONS: dict[MinimumVersion, ssl.TLSVersion] = {
    "1.0": ssl.TLSVersion.TLSv1,
    "1.1": ssl.TLSVersion.TLSv1_1,
    "1.2": ssl.TLSVersion.TLSv1_2,
    "1.3": ssl.TLSVersion.TLSv1_3,
}
#: Versions that are no longer safe, and that OpenSSL's default security level no longer includes.
LEGACY: frozenset[MinimumVersion] = frozenset({"1.0", "1.1"})
#: ssl.OP_LEGACY_SERVER_CONNECT of Python 3.12: OpenSSL 3 needs it for servers without RFC 5746, such as Windows 2003.
_LEGACY_SERVER_CONNECT = 0x4

#: OpenSSL's reasons for a handshake that failed because client and server have no version or cipher in common.
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


def client_context(minimum: MinimumVersion, ca_bundle: str = "") -> ssl.SSLContext:
    """Return a context that verifies certificates; with a legacy version, it also allows the ciphers that it needs.

    :param ca_bundle: the path of a file with the trusted authorities; '' for those that requests ships.
    """
    from requests.utils import DEFAULT_CA_BUNDLE_PATH  # noqa: PLC0415 - slow, and the settings need only the versions

    legacy = minimum in LEGACY
    context = ssl.create_default_context(cafile=ca_bundle or DEFAULT_CA_BUNDLE_PATH)
    if legacy:
        context.set_ciphers("ALL:!aNULL:!eNULL:@SECLEVEL=0")
        context.options |= _LEGACY_SERVER_CONNECT
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the operator configured a deprecated version
        context.minimum_version = _VERSIONS[minimum]
    # Sessions are never resumed, so the extension for it, which may confuse old servers, is not sent.
    context.options |= ssl.OP_NO_TICKET
    # Python 3.13 refuses by it what 3.12 accepts: certificates whose form is of before RFC 5280.
    context.verify_flags &= ~ssl.VerifyFlags.VERIFY_X509_STRICT
    context.hostname_checks_common_name = False
    context.set_alpn_protocols(["http/1.1"])
    context.sslsocket_class = TlsSocket
    return context


#: One context for all servers with the same settings: loading the authorities takes 20 ms.
shared_context = cache(client_context)


def handshake_failure(error: OSError) -> tuple[str, float]:
    """Return the cause of a failed handshake with its remedy, separated by "; ", and the seconds to wait.

    Old servers just close the connection if there is no version or cipher in common.
    """
    if isinstance(error, ssl.SSLCertVerificationError):
        return refusal(error, bundle="ca_bundle", host="the url"), CERTIFICATE_DELAY_S
    reason = getattr(error, "reason", "")
    if reason in _NOTHING_IN_COMMON:
        text = "the server offers no allowed TLS version or cipher; update it, or lower tls_minimum"
        return text, CERTIFICATE_DELAY_S
    if reason in _NO_TLS:
        return "the server does not speak TLS on this port; correct the url", CERTIFICATE_DELAY_S
    return "the TLS handshake was aborted; if it always is, the server may need a lower tls_minimum", BUSY_DELAY_S
