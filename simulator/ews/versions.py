"""Which server this is: its build, and the schemas it knows (Microsoft Learn, "EWS schema versions in Exchange")."""

from dataclasses import dataclass

from simulator.ews.behavior import EwsBehavior
from simulator.ews.soap import Element, SoapFault, t

SCHEMAS = (
    "Exchange2007",
    "Exchange2007_SP1",
    "Exchange2010",
    "Exchange2010_SP1",
    "Exchange2010_SP2",
    "Exchange2013",
    "Exchange2013_SP1",
    "Exchange2016",
)


@dataclass(frozen=True, slots=True)
class Server:
    """One edition of Exchange."""

    build: tuple[int, int, int, int]
    schema: str


_SERVERS = {
    "2007": Server((8, 3, 83, 0), "Exchange2007_SP1"),
    "2010": Server((14, 3, 123, 3), "Exchange2010_SP2"),
    "2013": Server((15, 0, 847, 31), "Exchange2013_SP1"),
    "2016": Server((15, 1, 2507, 6), "Exchange2016"),
    "2019": Server((15, 2, 1544, 4), "Exchange2016"),
}
_DATED = "V2017_07_11"


def server_of(behavior: EwsBehavior) -> Server:
    """The edition that the switches say."""
    return _SERVERS[behavior.ews_version]


def version_info(behavior: EwsBehavior) -> Element:
    """The header of every response."""
    server = server_of(behavior)
    names = ("MajorVersion", "MinorVersion", "MajorBuildNumber", "MinorBuildNumber")
    facts = dict(zip(names, map(str, server.build), strict=True))
    if behavior.ews_version != "2007" and behavior.ews_version_string != "missing":
        facts["Version"] = _DATED if behavior.ews_version_string == "dated" else server.schema
    return t("ServerVersionInfo", **facts)


def check_version(behavior: EwsBehavior, asked: str | None) -> None:
    """Refuse a schema that is newer than the server, and one that never was."""
    if asked is None:
        return
    if asked not in SCHEMAS:
        raise SoapFault("ErrorSchemaValidation", f"The value '{asked}' of RequestServerVersion is invalid.")
    if SCHEMAS.index(asked) > SCHEMAS.index(server_of(behavior).schema):
        raise SoapFault("ErrorInvalidServerVersion", "The specified server version is invalid.")
