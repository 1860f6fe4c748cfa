"""TLS to Redis and its sentinels: whom to trust, and what to do if a connection fails for it.

By itself redis-py trusts the system's authorities beside those of ``ssl_ca_certs``, so each of them could name somebody
who is sent the password. This holds for every client in the process: rsvpq's own, and those that kombu, Celery and
Flower make, which have nothing but redis-py in common. Certificates are always verified; nothing here turns that off.
"""

import errno
import ssl
from typing import Any

from redis.asyncio.connection import RedisSSLContext
from redis.connection import SSLConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from rsvpq.certificates import refusal

_HOST = "the host in redis.url, or with sentinels in redis.sentinels and in what they announce"
#: OpenSSL's reasons, each with what it means here and the remedy. An alert is what Redis says of our certificate.
_REASONS = {
    "SSLV3_ALERT_BAD_CERTIFICATE": "Redis refuses redis.certificate; its log says why",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": "our certificate has expired; renew redis.certificate",
    "SSLV3_ALERT_HANDSHAKE_FAILURE": "Redis requires a certificate of its clients; set redis.certificate",
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "Redis requires a certificate of its clients; set redis.certificate",
    "TLSV1_ALERT_UNKNOWN_CA": (
        "Redis does not know the authority of our certificate; set redis.certificate to one of an authority in its "
        "tls-ca-cert-file"
    ),
    "WRONG_VERSION_NUMBER": "the server does not speak TLS on this port; correct redis.url",
}
#: The same for all others, without a certificate of ours and with one: an alert may be lost with the connection.
_WITHOUT = "Redis ends the connection; set redis.certificate if it requires one, and look at its log"
_WITH = "Redis ends the connection; look at its log, for it may refuse redis.certificate"
_SILENT = "it takes connections and answers no TLS: it hangs, or the port is not one with TLS; correct redis.url"


class TlsFailed(RedisConnectionError):
    """A connection to Redis failed for its TLS: ``what`` happened, and the ``remedy``."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"{what}; {remedy}")
        self.what, self.remedy = what, remedy


def what_and_remedy(error: RedisError, remedy: str) -> tuple[str, str]:
    """Return what happened, and its remedy: the given one for what has nothing to do with TLS."""
    return (error.what, error.remedy) if isinstance(error, TlsFailed) else (str(error), remedy)


class _Unusable(OSError):
    """A file of the settings cannot be used."""


def patch_redis_py() -> None:
    """Let every client of this process connect so, also those that exist; may be called again."""
    connection: Any = SSLConnection  # redis-py has no hooks for this
    context: Any = RedisSSLContext
    connection._wrap_socket_with_ssl = _secured
    connection.connect_check_health = _connect
    context.get = _context_of  # of asyncio: Flower's page of the broker


def _secured(connection: Any, plain: Any) -> ssl.SSLSocket:
    """Return the socket with TLS, for redis-py's ``SSLConnection``; the handshake has the time that connecting has."""
    context = _context(connection.ca_certs, connection.certfile, connection.keyfile)
    plain.settimeout(connection.socket_connect_timeout)
    secure = context.wrap_socket(plain, server_hostname=connection.host)
    secure.settimeout(connection.socket_timeout)
    return secure


def _context_of(files: Any) -> ssl.SSLContext:
    """Return a context for redis-py's ``RedisSSLContext``."""
    return _context(files.ca_certs, files.certfile, files.keyfile)


def _context(bundle: str | None, certificate: str | None, key: str | None) -> ssl.SSLContext:
    """Return a context from files as they are now, for they are renewed while processes run.

    :raises _Unusable: one of them cannot be used.
    """
    try:
        context = ssl.create_default_context(cafile=bundle)
    except OSError as error:  # ssl.SSLError is one
        raise _unusable("redis.ca_bundle", bundle, "the path of a PEM file with certificates", error) from None
    # Python 3.13 refuses by it what 3.12 accepts: certificates whose form is of before RFC 5280.
    context.verify_flags &= ~ssl.VerifyFlags.VERIFY_X509_STRICT
    if certificate is None:
        return context
    try:
        context.load_cert_chain(certificate, key, _no_password)
    except OSError as error:
        form = "the path of a PEM file with it, and that of its key, if this is in another, in redis.certificate_key"
        raise _unusable("redis.certificate", certificate, form, error) from None
    return context


def _no_password() -> str:
    """Refuse a key that has a password: without this, OpenSSL asks for it at the terminal, and waits."""
    raise OSError(errno.EINVAL, "its key has a password, which nobody can enter here")


def _unusable(setting: str, file: str | None, form: str, error: OSError) -> _Unusable:
    return _Unusable(f"{setting} cannot be used ({file}: {error.strerror}); write {form}")


def _connect(connection: Any, check_health: bool = True, retry_socket_connect: bool = True) -> None:
    """Connect as redis-py does; its errors tell what went wrong with TLS.

    :raises TlsFailed: TLS is not possible. :raises RedisConnectionError, RedisTimeoutError: nothing else is.
    """
    try:
        super(SSLConnection, connection).connect_check_health(check_health, retry_socket_connect)
    except RedisTimeoutError as error:
        if "handshake" not in str(error.__context__):
            raise
        raise RedisTimeoutError(f"{connection.host}:{connection.port} is silent; {_SILENT}") from None
    except RedisConnectionError as error:
        explained = _explained(error.__context__, _WITH if connection.certfile else _WITHOUT)
        if not explained:
            raise
        cause, _, remedy = explained.partition("; ")
        raise TlsFailed(f"{connection.host}:{connection.port}: {cause}{_shown(error)}", remedy) from None


def _explained(cause: BaseException | None, unknown: str) -> str:
    """Return the cause with its remedy, separated by "; "; '' if it is not one of TLS."""
    if isinstance(cause, _Unusable):
        return str(cause)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return refusal(cause, bundle="redis.ca_bundle", host=_HOST)
    if isinstance(cause, ssl.SSLError):
        return _REASONS.get(cause.reason or "", unknown)
    return ""


def _shown(error: RedisConnectionError) -> str:
    """Return what OpenSSL said, for whoever looks for it elsewhere; '' for a file."""
    cause = error.__context__
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f" (certificate verify failed: {cause.verify_message})"
    return f" ({cause})" if isinstance(cause, ssl.SSLError) else ""
