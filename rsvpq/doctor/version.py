"""Which Exchange a server is, as far as the headers of its answers tell."""

from collections.abc import Mapping

from rsvpq.doctor.results import Notes
from rsvpq.settings import WebDavServer

#: Builds of the web store (build map in evolution-exchange, docs/service-packs).
_BUILDS = (("6.0.", "Exchange 2000"), ("6.5.", "Exchange 2003"), ("8.", "Exchange 2007"))


def tell_version(told: Mapping[str, str], settings: WebDavServer, notes: Notes) -> None:
    """Name the version, and complain where the way to answer does not suit it."""
    build, server = told.get("MS-WebStorage", ""), told.get("Server", "")
    if not build:
        text = f"it does not name its store (Server: {server or 'none'})"
        notes.warn("version", text, "correct url if this is no Exchange; a proxy may have removed MS-WebStorage")
        return
    plain = build.lstrip("0")
    name = next((name for start, name in _BUILDS if plain.startswith(start)), "of a version that is not known")
    text = f"{name} (MS-WebStorage {build}, {server or 'no Server header'})"
    if name == "Exchange 2007" and settings.answers == "owa":
        notes.warn("version", f"{text} has no OWA below /exchange/", 'answers = "icalendar", or "detect"')
    else:
        notes.ok("version", text)
