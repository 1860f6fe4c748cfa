"""Why a certificate is refused, and what to do about it: the same for a mail server and for Redis."""

import ssl

_CA_REMEDY = "add the certificate of its authority to {bundle}"
# OpenSSL, include/openssl/x509_vfy.h.in: X509_V_ERR_*
_REASONS = {
    9: "is not valid yet; check the clocks of both machines",
    10: "has expired; renew it on the server",
    18: f"is self-signed; {_CA_REMEDY}",
    19: f"is from an untrusted authority (self-signed); {_CA_REMEDY}",
    20: f"is from an unknown authority; {_CA_REMEDY}",
    21: f"is from an unknown authority; {_CA_REMEDY}",
    62: "is for another host; use the name in the certificate as {host}",
    64: "is for another address; use the name in the certificate as {host}",
    66: "has a key that is too short; renew it on the server",
    68: "is signed with a digest that is too weak; renew it on the server",
}


def refusal(error: ssl.SSLCertVerificationError, *, bundle: str, host: str) -> str:
    """Return what is wrong with the server's certificate, with the remedy, separated by "; " if there is one.

    :param bundle: the setting of the trusted authorities. :param host: where the name of the host is set.
    """
    reason = _REASONS.get(error.verify_code, f"cannot be verified ({error.verify_message})")
    return f"the server's certificate {reason.format(bundle=bundle, host=host)}"
