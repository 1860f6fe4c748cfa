"""The end of the certificate of each mail server, as workers have seen it on their own connections."""

from redis.exceptions import ResponseError

from rsvpq.lanes.namespace import Namespace
from rsvpq.lanes.reading import number_of, values_of


class Certificates:
    """The ends of certificates in one namespace, in seconds since the epoch."""

    def __init__(self, namespace: Namespace) -> None:
        self._redis = namespace.redis
        self._key = namespace.key("certificates")

    def note(self, server: str, end_s: float) -> None:
        """Store when the certificate of a server ends.

        :raises RedisError: Redis cannot be reached, or refuses writes.
        """
        try:
            self._redis.hset(self._key, server, round(end_s))
        except ResponseError as error:
            if "WRONGTYPE" not in str(error):
                raise
            self._redis.delete(self._key)  # rsvpq did not write it

    def ends(self) -> dict[str, float]:
        """Return when the certificates end, by server, as they were seen last.

        :raises RedisError: Redis cannot be reached.
        """
        with self._redis.pipeline(transaction=False) as pipe:
            pipe.hgetall(self._key)
            [found] = values_of(pipe, [{}])
        return {server: number_of(end) for server, end in found.items() if number_of(end) > 0}
