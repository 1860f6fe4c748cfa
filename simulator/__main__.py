"""`python -m simulator`: start the servers, say where they are in one line of JSON, serve until told to end."""

import argparse
import asyncio
import gc
import json
import logging
import os
import signal
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime
from functools import partial

from simulator.ews.face import EwsFace
from simulator.oracle.options import add_control_options, build_controls
from simulator.oracle.pages import Oracle
from simulator.population.ambiguous_mail import add_ambiguous_mail
from simulator.population.appointments import fill_calendars, invite_others
from simulator.population.forbidden_mail import add_forbidden
from simulator.population.invitations import organize
from simulator.population.mailbox_filler import Schedules
from simulator.population.populate import Size, populate
from simulator.serving.auth.options import add_login_options, build_logins
from simulator.serving.connection import Connection
from simulator.serving.meters import Meters
from simulator.serving.tls import add_tls_options, build_tls
from simulator.site import Site
from simulator.webdav.face import WebdavFace
from simulator.webdav.memory import Memory
from simulator.world.calendar_attendant import CalendarAttendant
from simulator.world.directory import is_mailbox_user

_DESCRIPTION = """\
A pretend Exchange: WebDAV and Outlook Web Access of 2003, and Exchange Web Services of 2007 and later, over made-up
mailboxes full of meeting requests.

The first line on stdout says where the servers are, once they answer:
  {"servers": ["http://127.0.0.1:8025", ...], "oracle": "http://127.0.0.1:8025"}
Mailboxes are at /exchange/NAME/ on their home server, for the service account only, and at /EWS/Exchange.asmx.
What really happened to every message is at ORACLE/_oracle/summary, /messages, /meetings and /mailboxes.
"""
_BACKLOG = 1024
#: What can be added to the mail of every mailbox.
_SITUATIONS = {
    "occurrences": "occurrences of series that are moved, single or canceled",
    "copies": "requests that come twice",
    "updates": "requests with an update in the same Inbox",
    "forbidden": "messages that nobody may answer, or a person's drafts",
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run until SIGTERM or SIGINT."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    asyncio.run(_serve(_parser().parse_args(arguments)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m simulator", description=_DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    network = parser.add_argument_group("network")
    network.add_argument("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    network.add_argument(
        "--port", type=_count, default=8025, help="first port; 0 takes free ones (default %(default)s)"
    )
    network.add_argument(
        "--servers", type=_positive, default=1, help="servers, on ports in a row (default %(default)s)"
    )
    network.add_argument(
        "--latency-ms", type=_count, default=0, metavar="L", help="time before each answer (default %(default)s)"
    )
    network.add_argument(
        "--user", default="CORP\\svc-rsvpq", help="service account (default %(default)s); password: $SIMULATOR_PASSWORD"
    )
    add_login_options(parser)
    add_tls_options(parser)
    add_control_options(parser)
    world = parser.add_argument_group("world", "the same seed, sizes and date make the same world, byte for byte")
    world.add_argument("--mailboxes", type=_positive, default=20, metavar="N", help="mailboxes (default %(default)s)")
    world.add_argument("--requests", type=_count, default=5, metavar="R", help="requests in each (default %(default)s)")
    world.add_argument(
        "--responses", type=_count, default=3, metavar="S", help="responses in each (default %(default)s)"
    )
    world.add_argument(
        "--deep", type=_count, default=0, metavar="D", help="requests in the first mailbox instead (default: as others)"
    )
    world.add_argument(
        "--inside",
        type=_count,
        default=20,
        metavar="P",
        help="percent of the requests whose organizer has a mailbox here (default %(default)s)",
    )
    world.add_argument(
        "--organized",
        type=_count,
        default=0,
        metavar="P",
        help="percent of the responses whose meeting is in the calendar of who got them (default %(default)s)",
    )
    world.add_argument(
        "--calendar", type=_count, default=0, metavar="A", help="appointments and series in each (default %(default)s)"
    )
    world.add_argument(
        "--attendees", type=_count, default=0, metavar="G", help="most other guests of a request (default %(default)s)"
    )
    for name, what in _SITUATIONS.items():
        text = f"{what} in each mailbox (default %(default)s)"
        world.add_argument(f"--{name}", type=_count, default=0, metavar="N", help=text)
    world.add_argument("--seed", type=int, default=1, metavar="K", help="which world (default %(default)s)")
    world.add_argument(
        "--today",
        type=date.fromisoformat,
        default=datetime.now(UTC).date(),
        metavar="YYYY-MM-DD",
        help="date of the world (default: today in UTC)",
    )
    return parser


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError("must not be negative")
    return number


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


async def _serve(options: argparse.Namespace) -> None:
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    tls = build_tls(options)
    urls = []
    for index, site in enumerate(_sites(options)):
        port = options.port + index if options.port else 0
        connection = partial(Connection, site, options.latency_ms / 1000)
        server = await loop.create_server(connection, options.host, port, backlog=_BACKLOG, ssl=tls)
        urls.append(f"{'https' if tls else 'http'}://{options.host}:{server.sockets[0].getsockname()[1]}")
    sys.stdout.write(json.dumps({"servers": urls, "oracle": urls[0]}) + "\n")
    sys.stdout.flush()
    await ended.wait()


def _sites(options: argparse.Namespace) -> list[Site]:
    size = Size(
        options.mailboxes, options.requests, options.responses, options.deep, options.servers, options.inside / 100
    )
    world = populate(options.seed, size, options.today)
    organize(world, options.seed, options.organized / 100)
    fill_calendars(world, options.seed, options.calendar)
    invite_others(world, options.seed, options.attendees)
    schedules = Schedules(world)
    counts = {name: getattr(options, name) for name in ("occurrences", "copies", "updates")}
    add_ambiguous_mail(world, options.seed, schedules, **counts)
    add_forbidden(world, options.seed, schedules, options.forbidden)
    # The world stays: collecting garbage must not walk through a million of its objects while requests wait.
    gc.freeze()
    meters = Meters()
    logins = build_logins(options, os.environ.get("SIMULATOR_PASSWORD", "simulator"))
    logins.accounts.has_mailbox = partial(is_mailbox_user, world)
    controls = build_controls(options, world, size.servers)
    memory = Memory()
    oracle = Oracle(world, meters, logins, controls, memory.subscriptions)
    attendant = CalendarAttendant(world)
    sites = []
    for index in range(size.servers):
        common = index, world
        webdav = WebdavFace(*common, logins.authenticator(index), meters, controls.faults, memory)
        ews = EwsFace(*common, logins.without_forms(index), meters, controls.faults, attendant, logins.accounts.user)
        sites.append(Site(index, webdav, ews, controls, None if index else oracle))
    return sites


if __name__ == "__main__":
    main()
