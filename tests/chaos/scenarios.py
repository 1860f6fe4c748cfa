"""The rows of the table: which faults, how many of them, in which world."""

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from testbed.simulated_exchange import World
from testbed.stack import Pace, Plan
from tests.chaos.faults import Fault, clocks, hands, in_turn, nothing, processes, redis, servers

#: Leases are as short as the timeouts of a request allow, so that what died with a worker comes back soon, and attempts
#: are many, because an item of a kill storm may meet death more often than an item in a year of production.
SETTINGS = """\
[lanes]
release_lease = "5s"
run_lease = "7s"

[retry]
attempts = 30
first_delay = "1s"
longest_delay = "5s"
"""
SERVER_SETTINGS = 'connect_timeout = "1s"\nread_timeout = "2s"\n'
MAILBOX = Pace(4, 6, 1)
SERVER = Pace(10, 10, 24)


@dataclass(frozen=True, slots=True)
class Scenario:
    """One row.

    :param faults: how many are injected, if there is work for so long.
    :param mailboxes, requests, responses: the world; the last two on average for each mailbox.
    :param longest_s: no more are injected after so many seconds.
    :param beside_plain: whether plain Celery tasks meet it too; where they can, and it tells something.
    :param kills: whether each of its faults is a process killed.
    :param fates_differ: whether answered requests stay in the Inbox on the second server, and go to Deleted Items on
        the third; else they are removed.
    :param flush_always: whether Redis flushes every write to disk, and not once a second.
    :param may_hold: whether the fault meets the one moment of which nobody can know what was done: then drafts are held
        for the operator, and no request is lost but those (``docs/reliability.md``).
    :param moved_clock: whether the clock of the workers is to be moved.
    """

    name: str
    fault: Fault
    faults: int
    mailboxes: int = 30
    requests: int = 5
    responses: int = 3
    dispatchers: int = 2
    longest_s: float = 25
    beside_plain: bool = False
    kills: bool = False
    fates_differ: bool = False
    flush_always: bool = False
    moved_clock: bool = False
    may_hold: bool = False

    def with_kills(self, kills: int | None) -> "Scenario":
        """The same with another number of kills, if it is the one whose number may be chosen."""
        return replace(self, faults=kills) if kills and self.fault is processes.a_worker_is_killed else self

    def world(self, seed: int) -> World:
        """What the simulator makes up."""
        return World(self.mailboxes, self.requests, self.responses, servers=3, seed=seed, latency_ms=15)

    def plan(self, seed: int, directory: Path) -> Plan:
        """How rsvpq is set up for it."""
        environment = {}
        if self.moved_clock:
            environment = {"PYTHONPATH": str(clocks.MOVED_BY), "CHAOS_CLOCK": str(clocks.clock_file(directory))}
        return Plan(
            self.world(seed),
            MAILBOX,
            MAILBOX,
            SERVER,
            answer_workers=3,
            answer_threads=3,
            scan_threads=4,
            dispatchers=self.dispatchers,
            extra=SETTINGS,
            server_extra=SERVER_SETTINGS,
            environment=environment,
            persist=True,
            redis_extra=["appendfsync always"] if self.flush_always else [],
            forked_workers=True,
        )


def _death_in(name: str, step: str, kills: int, *, beside_plain: bool = False, fates_differ: bool = False) -> Scenario:
    fault = processes.all_workers_are_killed_in(step)
    name = f"workers die in {name}"
    return Scenario(name, fault, kills, kills=True, beside_plain=beside_plain, fates_differ=fates_differ)


_kills = partial(Scenario, kills=True)
_beside_plain = partial(Scenario, beside_plain=True)

SCENARIOS = (
    _beside_plain("none", nothing, 1),
    _death_in("PROPFIND", "propfind", 36),
    _death_in("SEARCH", "search", 36),
    _death_in("PROPPATCH", "proppatch", 18, fates_differ=True),
    _death_in("the accept command", "accept", 48, beside_plain=True),
    _death_in("the sending MOVE", "submit", 48, beside_plain=True),
    _death_in("the accept command, other fates of requests", "accept", 36, beside_plain=True, fates_differ=True),
    _death_in("the sending MOVE, other fates of requests", "submit", 36, beside_plain=True, fates_differ=True),
    _death_in("the open command", "open", 36),
    _death_in("the MOVE that cleans up", "move", 36),
    Scenario(
        "a worker dies anywhere",
        processes.a_worker_is_killed,
        750,
        mailboxes=150,
        requests=20,
        longest_s=300,
        kills=True,
        beside_plain=True,
    ),
    _kills("dispatchers die", processes.a_dispatcher_is_killed, 20),
    _kills("five dispatchers, of which some die", processes.a_dispatcher_is_killed, 20, dispatchers=5),
    Scenario("a worker stops for 10 s", processes.a_worker_stops_for_longer_than_its_lease, 3, requests=10),
    Scenario("workers are restarted in turn", processes.workers_are_restarted_in_turn, 20),
    _beside_plain("Redis dies", redis.redis_is_killed, 6, requests=8),
    Scenario("Redis stops for 20 s", redis.redis_stops_for_20_s, 1),
    Scenario("Redis is full", redis.redis_is_full, 4, requests=8),
    _beside_plain("Redis loses its last second", redis.redis_loses_the_last_second, 6, requests=8),
    _beside_plain("Redis forgets everything", redis.redis_forgets_everything, 6, requests=8),
    Scenario("Redis drops all connections", redis.redis_drops_its_connections, 25),
    _beside_plain("the machine loses power", processes.the_machine_loses_power, 5, requests=8, may_hold=True),
    Scenario(
        "the machine loses power, appendfsync always",
        processes.the_machine_loses_power,
        5,
        requests=8,
        flush_always=True,
    ),
    _beside_plain("connections break", servers.servers_break(0.06, "reset-before", "reset-after"), 150),
    _beside_plain("replies are lost", servers.servers_break(0.06, "lost-reply", "500-after", "truncate"), 150),
    Scenario("replies never come", servers.servers_break(0.03, "hang", "hang-after"), 40),
    Scenario("storms of 503", servers.servers_are_busy("503", 0.5), 60),
    Scenario("one server of three is away", servers.one_server_is_away, 5),
    Scenario("clocks jump by up to an hour", clocks.clocks_jump, 30, moved_clock=True),
    Scenario("limits change, lanes are paused", hands.limits_change_and_lanes_are_paused, 150),
    Scenario("scans are triggered all the time", hands.everybody_triggers, 200),
    _beside_plain(
        "several of these in turn",
        in_turn(
            processes.a_worker_is_killed,
            processes.all_workers_are_killed_in("accept", "submit"),
            redis.redis_is_killed,
            redis.redis_drops_its_connections,
            servers.servers_break(0.04, "reset-after", "lost-reply"),
        ),
        80,
        requests=10,
    ),
)
