"""Serve the operator console.

    python -m rsvpq.console

The address, TLS and the logins are in ``[console]`` of the settings. ``/healthcheck`` answers without a login and
without a look at Redis. The exit code is 1 if it cannot listen, and 2 if the settings or the logins are wrong.
"""

import argparse
import asyncio
import logging
import os
import signal
import ssl
import sys
from contextlib import suppress
from pathlib import Path

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

from rsvpq.console.application import make_application, make_console
from rsvpq.console.page import Console
from rsvpq.health.systemd import notify
from rsvpq.metrics.reading import InstallationReader
from rsvpq.settings import ConfigError, LoadedSettings, Settings, load_with_origins
from rsvpq.settings.logins import LoginFile, read_logins
from rsvpq.settings.mailboxes import MailboxList
from rsvpq.settings.text_files import file_state
from rsvpq.tasks.log_streams import begin_log
from rsvpq.wiring import make_list
from rsvpq.wiring.revisions import LiveSettings, SettingsWatch, live_settings

logger = logging.getLogger(__name__)

#: The maximum size of a request: a form that names 500 items.
_MOST_BYTES = 256 * 1024
#: Seconds for which a connection may be silent, and for which a form may take to arrive.
_IDLE_S, _BODY_S = 60, 10
#: Seconds between two reports to systemd: the loop goes on.
_REPORT_S = 10.0


def main() -> int:
    """Serve until SIGTERM or SIGINT, and return the exit code."""
    argparse.ArgumentParser(prog="python -m rsvpq.console", description="Serve the operator console.").parse_args()
    try:
        loaded = load_with_origins(None, os.environ)
        begin_log(loaded.settings.log.format)
        InstallationReader(
            loaded.settings
        ).is_answered()  # raises an error for a cluster; the rest is said by the pages
        logins = _logins(loaded)
        tls = _tls(loaded)
        changes = _Changes(loaded.origins.file)
        console = make_console(loaded.settings, logins, changes)
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return asyncio.run(_serve(console, loaded.settings, tls, changes))


def _logins(loaded: LoadedSettings) -> LoginFile:
    """Return the logins, all of which can be used.

    :raises ConfigError: there is no file of them, or it is wrong.
    """
    file = loaded.settings.console.logins_file
    if file is None:
        text = (
            "is missing, and nobody could log in; write the path of a file with lines of: rsvpq console password NAME"
        )
        raise ConfigError([loaded.origins.problem(("console", "logins_file"), text)])
    read_logins(file)
    return LoginFile(file)


def _tls(loaded: LoadedSettings) -> ssl.SSLContext | None:
    """Return what serves HTTPS; None without a certificate.

    :raises ConfigError: the certificate or its key cannot be used.
    """
    settings = loaded.settings.console
    if settings.certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(settings.certificate, settings.certificate_key)
    except OSError as error:  # ssl.SSLError is one
        text = f"cannot be used with its key ({error}); write the paths of two PEM files that belong together"
        raise ConfigError([loaded.origins.problem(("console", "certificate"), text)]) from None
    return context


class _Changes:
    """Says whether the file of the settings has changed since it was taken up: the pages show what these mean."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._taken_up, self._token = file_state(self._file), ""
        self.live: LiveSettings | None = None

    def __call__(self) -> str:
        """Return what to do; '' if the file is in force."""
        live = self.live
        if live is not None and live.problem:
            return f"what was applied is not in force in the console: {live.problem}"
        if live is not None and live.console_has_changed:
            return f"[console] in {self._file.name} has changed: restart the console, for it still goes by the old one"
        if live is not None and live.token != self._token:
            self._taken_up, self._token = file_state(self._file), live.token
        if file_state(self._file) == self._taken_up:
            return ""
        return f"{self._file.name} has changed, and the former settings are still in force: rsvpq config apply"


async def _serve(console: Console, begun_with: Settings, tls: ssl.SSLContext | None, changes: _Changes) -> int:
    settings = begun_with.console
    host, port = settings.address
    try:
        sockets = bind_sockets(port, host)
    except OSError as error:
        logger.critical("event=not-started exit=1: cannot listen on %s: %s", settings.listen, error)
        return 1
    server = HTTPServer(
        make_application(console),
        ssl_options=tls,
        max_body_size=_MOST_BYTES,
        max_buffer_size=_MOST_BYTES,
        idle_connection_timeout=_IDLE_S,
        body_timeout=_BODY_S,
    )
    server.add_sockets(sockets)
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    sampling = asyncio.create_task(console.readings.sample())

    def take_up(applied: Settings, _: MailboxList) -> None:
        loop.call_soon_threadsafe(console.renew, applied)  # in the thread of the pages

    changes.live = live_settings(begun_with, make_list(begun_with), take_up)
    watch = SettingsWatch(changes.live, "console")
    watch.start()
    notify("READY=1")
    logger.info("event=started listen=%s tls=%s", settings.listen, "yes" if tls else "no")
    while not ended.is_set():
        notify("WATCHDOG=1")
        with suppress(TimeoutError):
            await asyncio.wait_for(ended.wait(), _REPORT_S)
    watch.stop()
    sampling.cancel()
    server.stop()
    await server.close_all_connections()
    console.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
