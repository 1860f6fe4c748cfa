"""A command that waits for the results of a run; the test reports them, in place of the workers."""

from collections.abc import Mapping

from redis import Redis

from testbed.processes import WAIT_S, Part
from tests.support.installation import TERMINAL, Installation, queued


class Asked:
    """A command that waits for findings, and those who find."""

    def __init__(
        self, installation: Installation, redis: Redis, *arguments: str, environment: Mapping[str, str] = TERMINAL
    ) -> None:
        self.out = installation.directory / "out"
        self.part = Part(
            "rsvpq",
            installation.command(*arguments),
            log=installation.directory / "err",
            out=self.out,
            env={**installation.environment, **environment},
        )
        (task,) = self.part.wait_for(lambda: queued(redis, "scan"), "the trigger is in the queue")
        self.findings = installation.lanes().run_results(str(task["id"])[:8])

    def end(self) -> tuple[int, str, str]:
        """Its exit code, stdout and stderr."""
        return self.part.process.wait(WAIT_S), self.out.read_text(), self.part.log.read_text()
