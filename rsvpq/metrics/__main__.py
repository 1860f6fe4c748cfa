"""Serve the metrics of this installation to Prometheus, at ``/metrics``.

    python -m rsvpq.metrics [--listen 127.0.0.1:9808]

There is no login, so it listens on this machine only, unless another address is given. ``/healthcheck`` answers without
a look at Redis: a process that can still say that Redis is away is healthy. The exit code is 1 if it cannot listen, and
2 if the settings are wrong or name a Redis Cluster.
"""

import argparse
import logging
import signal
import socket
import sys
from collections.abc import Callable, Iterable
from ipaddress import IPv6Address
from socketserver import TCPServer, ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import CollectorRegistry, make_wsgi_app

from rsvpq.health.systemd import notify
from rsvpq.metrics.collector import InstallationCollector
from rsvpq.metrics.reading import InstallationReader
from rsvpq.settings import ConfigError, load_settings
from rsvpq.settings.console import address_of_listener
from rsvpq.tasks.log_streams import begin_log
from rsvpq.wiring import make_list
from rsvpq.wiring.revisions import SettingsWatch, live_settings

logger = logging.getLogger(__name__)

_App = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
_LISTEN = "127.0.0.1:9808"


class _Once(argparse.Action):
    """An option that is given once: argparse would take the last value, and say nothing."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, *_: Any) -> None:
        """Keep the value; end with exit code 2 if there is one already."""
        if getattr(namespace, self.dest) is not self.default:
            parser.error(f"{self.option_strings[0]} is given twice, and only the last one would count; give it once")
        setattr(namespace, self.dest, values)


class _Handler(WSGIRequestHandler):
    #: Seconds for which a connection may be silent: it has a thread of its own.
    timeout = 10.0

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as http.server names it
        """Log no requests: there is one every few seconds for ever."""


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def server_bind(self) -> None:
        """Bind without looking up the name of the address, which may take long where there is no name server."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
        self.setup_environ()


class _Server6(_Server):
    address_family = socket.AF_INET6


def _address(text: str) -> tuple[str, int]:
    """Read ``HOST:PORT``, with an address of IPv6 in brackets."""
    try:
        return address_of_listener(text, _LISTEN)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def make_server(address: tuple[str, int], reader: InstallationReader) -> WSGIServer:
    """Return a server that listens, and serves when it is run.

    :raises OSError: the address cannot be listened on.
    """
    registry = CollectorRegistry()
    registry.register(InstallationCollector(reader))
    server = (_Server6 if _is_ipv6(address[0]) else _Server)(address, _Handler)
    server.set_app(_routed(make_wsgi_app(registry)))
    return server


def _is_ipv6(host: str) -> bool:
    try:
        return bool(IPv6Address(host))
    except ValueError:
        return False


def _routed(metrics: _App) -> _App:
    """Return an app with pages, because that of prometheus-client gives the metrics at every path."""

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path == "/metrics":
            return metrics(environ, start_response)
        found = path == "/healthcheck"
        start_response("200 OK" if found else "404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
        return [b"OK\n" if found else b"the metrics are at /metrics\n"]

    return app


def main() -> int:
    """Serve until SIGTERM or SIGINT, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m rsvpq.metrics", description="Serve the metrics to Prometheus.")
    parser.add_argument(
        "--listen", action=_Once, type=_address, default=_LISTEN, metavar="HOST:PORT", help="default: %(default)s"
    )
    address = parser.parse_args().listen
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    try:
        settings = load_settings()
        begin_log(settings.log.format)
        reader = InstallationReader(settings)
        reader.is_answered()  # raises an error for a cluster; whether Redis answers is what the metrics say
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    try:
        server = make_server(address, reader)
    except OSError as error:
        logger.critical("event=not-started exit=1: cannot listen on %s:%s: %s", *address, error)
        return 1
    live = live_settings(settings, make_list(settings), lambda applied, _: reader.renew(applied))
    watch = SettingsWatch(live, "metrics")
    watch.start()
    notify("READY=1")
    logger.info("event=started listen=%s:%d", server.server_name, server.server_port)
    try:
        server.serve_forever()
    finally:
        watch.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
