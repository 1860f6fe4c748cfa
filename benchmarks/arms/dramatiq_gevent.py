"""A plain Dramatiq app; its workers are greenlets (``dramatiq-gevent``).

``python -m benchmarks.arms.dramatiq_gevent MAILBOXES DEPTH`` sends the messages.
"""

import os
import sys

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from benchmarks.arms.plain import REDIS, PlainProgram
from benchmarks.arms.work import in_turn

broker = RedisBroker(url=os.environ[REDIS])
dramatiq.set_broker(broker)
_program = PlainProgram.of_environment()


def _answer(mailbox: int, message: int) -> None:
    _program.answer(mailbox, message)


answer = dramatiq.actor(_answer, actor_name="answer", broker=broker)


def main(mailboxes: int, depth: int) -> None:
    """Send a message for each message."""
    for mailbox, message in in_turn(mailboxes, depth):
        answer.send(mailbox, message)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
