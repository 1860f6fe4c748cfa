"""No queue at all: threads that take the next message from a list in memory.

``python -m benchmarks.arms.bare_requests MAILBOXES DEPTH THREADS``
"""

import sys
from concurrent.futures import ThreadPoolExecutor

from benchmarks.arms.plain import PlainProgram
from benchmarks.arms.work import in_turn


def main(mailboxes: int, depth: int, threads: int) -> None:
    """Answer everything."""
    program = PlainProgram.of_environment()
    with ThreadPoolExecutor(threads) as pool:
        for future in [pool.submit(program.answer, mailbox, message) for mailbox, message in in_turn(mailboxes, depth)]:
            future.result()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:4]))
