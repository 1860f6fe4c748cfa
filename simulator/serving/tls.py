"""TLS in front of the servers: a certificate, and how old a protocol a client may or must speak."""

import argparse
import ssl
import warnings

_VERSIONS = {
    "1.0": ssl.TLSVersion.TLSv1,
    "1.1": ssl.TLSVersion.TLSv1_1,
    "1.2": ssl.TLSVersion.TLSv1_2,
    "1.3": ssl.TLSVersion.TLSv1_3,
}


def add_tls_options(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    group = parser.add_argument_group("TLS", "with a certificate the servers speak https only, the oracle included")
    group.add_argument("--tls-cert", metavar="FILE", help="certificate chain, PEM")
    group.add_argument("--tls-key", metavar="FILE", help="its private key, PEM (default: in the same file)")
    group.add_argument("--tls-min", choices=_VERSIONS, help="oldest protocol (default: what OpenSSL thinks fit)")
    group.add_argument("--tls-max", choices=_VERSIONS, help="newest protocol")


def build_tls(options: argparse.Namespace) -> ssl.SSLContext | None:
    """Build the TLS context from the options; None for plain HTTP."""
    if not options.tls_cert:
        if options.tls_key or options.tls_min or options.tls_max:
            raise SystemExit("simulator: --tls-key, --tls-min and --tls-max need --tls-cert")
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(options.tls_cert, options.tls_key)
    with warnings.catch_warnings():
        # That they are deprecated is why somebody asks for them.
        warnings.simplefilter("ignore", DeprecationWarning)
        if options.tls_max:
            context.maximum_version = _VERSIONS[options.tls_max]
        if options.tls_min or options.tls_max in {"1.0", "1.1"}:
            context.minimum_version = _VERSIONS[options.tls_min or options.tls_max]
    if context.minimum_version in {ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1}:
        # OpenSSL 3 takes the signatures of TLS 1.0 and 1.1 for too weak at any level above this.
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
    return context
