"""Celery's connection to the broker when it is lost."""

import socket
from typing import Any

import pytest
from kombu import Queue

from rsvpq.tasks import celery_app
from testbed.queue_server import QueueServer


@pytest.mark.usefixtures("redis")
def test_a_channel_of_a_closed_connection_fails_as_one_that_was_lost(shared_queue_server: QueueServer) -> None:
    """Celery closes what was lost twice, with messages under way, and any other error then ends the worker."""
    app = celery_app.make_celery("test", shared_queue_server.url, namespace="rsvpq")
    connection = app.connection()
    channel: Any = connection.default_channel
    queue = Queue("scan")(channel)
    queue.declare()
    app.send_task("producer.scan", queue="scan")
    assert queue.get(no_ack=False)
    connection.transport.client = None  # as after the first time, which was broken off
    channel._disconnect_pools()
    with pytest.raises(connection.connection_errors):
        channel.close()
    connection.close()


def test_who_only_listens_notices_within_a_minute_that_nothing_arrives_any_more(
    shared_queue_server: QueueServer,
) -> None:
    """No timeout of a reply ends a wait for events: if packets are lost in silence, only the kernel notices."""
    connection = celery_app.make_celery("test", shared_queue_server.url, namespace="rsvpq").connection()
    channel: Any = connection.default_channel
    link = channel.client.connection_pool.get_connection()
    probes = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
    idle_s, every_s, count = (link._sock.getsockopt(socket.IPPROTO_TCP, option) for option in probes)
    assert link._sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    assert idle_s + every_s * count <= 60
    connection.close()
