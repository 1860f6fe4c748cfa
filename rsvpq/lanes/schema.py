"""The schema of a namespace: a number in Redis that says how its keys are to be read.

A version that meets a newer schema uses nothing of the namespace, because it would misread it. One that meets an older
schema upgrades it, or refuses it as well if it is too old. Increase :data:`SCHEMA` with every change that the version
before would misread, and say in docs/migration.md what is done with what is there.
"""

from dataclasses import dataclass
from typing import Any

from redis.exceptions import ResponseError

from rsvpq.lanes.namespace import Namespace, prefix_of
from rsvpq.lanes.reading import whole

#: The schema that this version reads and writes.
SCHEMA = 1
#: The oldest schema that it upgrades; 0 is that of the versions which wrote no mark.
OLDEST = 0


def schema_key(name: str) -> str:
    """Return the key of the mark of a namespace, for a client that must look before anything else."""
    return f"{prefix_of(name)}:schema"


@dataclass(frozen=True, slots=True)
class LedgerSchema:
    """The schema of one namespace, and the schemas that this version can use."""

    namespace: Namespace
    newest: int = SCHEMA
    oldest: int = OLDEST

    def mark(self) -> str:
        """Mark the namespace with the schema of this version; return why it may not be used, '' if it may.

        :raises RedisError: Redis cannot be reached, or refuses writes.
        """
        return self.problem_with(self.namespace.call("mark", self.newest, self.oldest))

    def problem(self) -> str:
        """Return why this version may not use the namespace; '' if it may, or if nobody has marked it yet.

        :raises RedisError: Redis cannot be reached.
        """
        try:
            return self.problem_with(self.namespace.redis.get(self.namespace.key("schema")))
        except ResponseError:  # a key of another type, which the next mark replaces
            return ""

    def problem_with(self, found: Any) -> str:
        """Return why this version may not use a namespace with this mark (None: no mark); '' if it may."""
        return problem_with(found, self.newest, self.oldest)


def problem_with(found: Any, newest: int = SCHEMA, oldest: int = OLDEST) -> str:
    """Return why a version with these schemas may not use a namespace with this mark (None: no mark); '' if it may."""
    if found is None or oldest <= whole(found) <= newest:
        return ""
    what = f"has schema {whole(found)} in Redis"
    if whole(found) > newest:
        return f"{what}, from a later version of rsvpq; this one reads up to {newest}: install that version here too"
    return f"{what}, and this version of rsvpq upgrades {oldest} or later: start an earlier version first"
