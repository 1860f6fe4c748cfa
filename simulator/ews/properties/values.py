"""How values are written into elements, and read from the text of constants.

Times are whole seconds in UTC, as without TimeZoneContext and DateTimePrecision (Microsoft Learn, "Time zones and
EWS").
"""

import base64
import binascii
from datetime import UTC, datetime

from simulator.ews.soap import Element, RefusedError, t
from simulator.world.messages import Person
from simulator.world.values import Value


def text_of(value: Value) -> str:
    """A single value as text."""
    match value:
        case bool():
            return str(value).lower()
        case datetime():
            return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%S}Z"
        case bytes():
            return base64.b64encode(value).decode("ascii")
    return str(value)


def comparable(value: Value | None) -> Value | None:
    """A value as restrictions and sorting see it: text without case, times in whole seconds."""
    if isinstance(value, str):
        return value.casefold()
    return value.replace(microsecond=0) if isinstance(value, datetime) else value


def parsed(text: str, property_type: str) -> Value:
    """A constant or a new value of a MAPI type.

    :raises RefusedError: it is not a value of that type.
    """
    try:
        match property_type:
            case "Boolean":
                return {"true": True, "1": True, "false": False, "0": False}[text.strip()]
            case "Integer" | "Short" | "Long":
                return int(text)
            case "SystemTime":
                moment = datetime.fromisoformat(text)
                return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
            case "Binary":
                return base64.b64decode(text, validate=True)
    except (ValueError, KeyError, binascii.Error):
        raise RefusedError("ErrorInvalidValueForProperty", f"The value '{text}' is not a {property_type}.") from None
    return text


def mailbox(person: Person, address: str, *, named_only: bool) -> Element:
    """A person; FindItem says the name and no address (Microsoft Learn, "FindItem operation")."""
    if named_only:
        return t("Mailbox", t("Name", person.name))
    routing = "EX" if address.startswith("/") else "SMTP"
    return t("Mailbox", t("Name", person.name), t("EmailAddress", address), t("RoutingType", routing))
