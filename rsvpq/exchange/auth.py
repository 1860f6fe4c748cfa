"""How a client proves who it is. The credential stays in here: it is never logged, shown or put into a task."""

from requests.auth import AuthBase, HTTPBasicAuth


def basic(username: str, password: str) -> AuthBase:
    r"""HTTP Basic; ``username`` as ``DOMAIN\user``, a UPN, or a bare name where the server has a default domain."""
    # As bytes, because requests would encode text as Latin-1 and IIS takes UTF-8 as well as ASCII.
    return HTTPBasicAuth(username.encode(), password.encode())
