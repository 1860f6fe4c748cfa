"""What a program reads out of MIME when it searches: one header, or the text of the body."""

from email import message_from_bytes
from email.policy import default


def read_header(octets: bytes, name: str) -> str | None:
    """A header decoded; None when it is missing or past reading."""
    try:
        value = message_from_bytes(octets, policy=default).get(name)
    except (ValueError, LookupError, AttributeError):
        return None
    return None if value is None else str(value)


def read_body(octets: bytes) -> str:
    """The plain text, or the HTML where there is no other; empty when there is neither."""
    part = message_from_bytes(octets, policy=default).get_body(("plain", "html"))
    payload = part.get_payload(decode=True) if part is not None else None
    return payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""
