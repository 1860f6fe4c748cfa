"""Read one header, or the text of the body, from MIME, as a search does."""

from email import message_from_bytes
from email.policy import default


def read_header(octets: bytes, name: str) -> str | None:
    """Return a decoded header; None if it is missing or cannot be read."""
    try:
        value = message_from_bytes(octets, policy=default).get(name)
    except (ValueError, LookupError, AttributeError):
        return None
    return None if value is None else str(value)


def read_body(octets: bytes) -> str:
    """Return the plain text, or the HTML if there is no plain text; '' if there is neither."""
    part = message_from_bytes(octets, policy=default).get_body(("plain", "html"))
    payload = part.get_payload(decode=True) if part is not None else None
    return payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""
