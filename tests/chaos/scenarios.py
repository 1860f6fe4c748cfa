"""The rows of the table: which faults, how many of them, in which world."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from testbed.simulated_exchange import World
from testbed.stack import EVERYTHING, Pace, Plan
from tests.chaos.faults import Fault, clocks, hands, in_turn, installations, nothing, processes, redis, servers

#: Leases are as short as the timeouts of a request allow, so that what died with a worker comes back soon, and attempts
#: are many, because an item of a kill storm may meet death more often than an item in a year of production. No draft of
#: any row comes later than after half of ``settle``.
SETTINGS = """\
[lanes]
release_lease = "5s"
run_lease = "7s"

[retry]
attempts = 30
first_delay = "1s"
longest_delay = "5s"
settle = "8s"
"""
#: So that what nobody can know is given up within a minute.
FEW_ATTEMPTS = SETTINGS.replace("attempts = 30", "attempts = 5")
SERVER_SETTINGS = 'connect_timeout = "1s"\nread_timeout = "2s"\n'
#: No server may wait for less before an answer is given again whose effect does not show.
EWS_SETTINGS = f'{SERVER_SETTINGS}settle = "62s"\n'
#: What the policy is by default, for a company that has said who belongs to it and that means it; but for the age of
#: messages, for the simulator has three weeks of mail.
ORDINARY_CARE = """\
[policy]
confirmed = true
internal_domains = ["example.com"]
max_age = "30d"
"""
#: Answers everything, and declines what the calendar has no room for, which no calendar remembers. A series is not
#: compared: some in the simulator do not begin where their rule does, and what cannot be compared is held.
NO_CLASHES = f"""{EVERYTHING}
[[policy.rules]]
name = "clash"
decision = "decline"
recurring = false
conflict = true

[[policy.rules]]
name = "rest"
decision = "accept"
"""
MAILBOX = Pace(4, 6, 1)
SERVER = Pace(10, 10, 24)

Switches = Mapping[str, Any]
#: What becomes of answered requests, and what shows there that they were answered, by server.
OTHER_FATES: Sequence[Switches] = (
    {"request_fate": "removed"},
    {"request_fate": "left"},
    {"request_fate": "deleted-items"},
)
#: Servers that keep what was answered; the first marks it as processed.
NOTHING_REMOVED: Sequence[Switches] = (
    {"request_fate": "left", "request_marks": "processed"},
    {"request_fate": "left", "request_marks": "nothing"},
    {"request_fate": "deleted-items"},
)
#: Servers that send a row at a time.
SMALL_PAGES: Sequence[Switches] = [{"large_range": "507", "large_range_rows": 1}] * 2
#: Servers that keep what was answered, show it more or less, and write the draft late.
LATE_DRAFTS: Sequence[Switches] = (
    {"request_fate": "left", "request_marks": "nothing", "draft_delay_ms": 4000},
    {"request_fate": "left", "request_marks": "read", "draft_delay_ms": 2000},
    {"request_fate": "left", "request_marks": "processed", "draft_delay_ms": 500},
)
#: Servers that show the answers of Exchange Web Services in different places, and put away what was answered or not.
OTHER_EVIDENCE: Sequence[Switches] = (
    {"ews_effects": "send-calendar-move"},
    {"ews_request_fate": "left"},
    {"ews_effects": "calendar-move-send", "ews_sent_copy": "late", "ews_sent_delay_ms": 3000},
)
#: Servers that fail within an answer: with the calendar written and nothing sent; and, twice, when it was sent.
HALF_ANSWERS: Sequence[Switches] = (
    {"ews_effects_done": 1},
    {"ews_effects_done": 2},
    {"ews_effects": "send-calendar-move", "ews_effects_done": 1},
)
#: The same, and they answer a command only when its client has given up.
LATE_ANSWERS: Sequence[Switches] = [
    {**switches, "draft_delay_ms": late_ms, "command_delay_ms": 3000}
    for switches, late_ms in zip(LATE_DRAFTS, (500, 4000, 2000), strict=True)
]


@dataclass(frozen=True, slots=True)
class Scenario:
    """One row.

    :param faults: how many are injected, if there is work for so long.
    :param mailboxes, requests, responses: the world; the last two on average for each mailbox.
    :param situations: of mail in which one message is easily taken for another, and of mail that nobody may answer, so
        many in each mailbox.
    :param policy: what rsvpq answers.
    :param longest_s: no more are injected after so many seconds.
    :param beside_plain: whether plain Celery tasks meet it too; where they can, and it tells something.
    :param kills: whether each of its faults is a process killed.
    :param servers: the switches of each server, where they are not all at their defaults.
    :param flush_always: whether Redis flushes every write to disk, and not once a second.
    :param may_hold: whether the fault meets the one moment of which nobody can know what was done: then drafts are held
        for the operator, and no request is lost but those (``docs/reliability.md``).
    :param may_give_up: whether the fault leaves half answers, which nobody may complete by guess: such a request is
        dead with its evidence, and not lost. :param settings: leases and retries.
    :param protocols: how each server is reached, in turn. :param sentinels: how many watch Redis and its replica.
    :param moved_clock: whether the clock of the workers is to be moved. :param moved_redis: whether that of Redis is.
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
    servers: Sequence[Switches] = ()
    situations: Mapping[str, int] = field(default_factory=dict)
    policy: str = EVERYTHING
    flush_always: bool = False
    moved_clock: bool = False
    moved_redis: bool = False
    may_hold: bool = False
    may_give_up: bool = False
    settings: str = SETTINGS
    protocols: Sequence[str] = ("webdav",)
    sentinels: int = 0

    def with_kills(self, kills: int | None) -> "Scenario":
        """The same with another number of kills, if it is the one whose number may be chosen."""
        return replace(self, faults=kills) if kills and self.fault is processes.a_worker_is_killed else self

    def world(self, seed: int) -> World:
        """What the simulator makes up."""
        size = self.mailboxes, self.requests, self.responses
        # Nobody can open a response there: the server enters it, if the calendar has the meeting.
        organized = 100 if "ews" in self.protocols else 0
        return World(*size, servers=3, seed=seed, latency_ms=15, organized=organized, **self.situations)

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
            policy=self.policy,
            extra=self.settings,
            server_extra=EWS_SETTINGS if "ews" in self.protocols else SERVER_SETTINGS,
            environment=environment,
            persist=True,
            redis_extra=["appendfsync always"] if self.flush_always else [],
            redis_environment=clocks.moved_server(directory) if self.moved_redis else {},
            sentinels=self.sentinels,
            forked=True,
            protocols=self.protocols,
        )


_kills = partial(Scenario, kills=True)
_beside_plain = partial(Scenario, beside_plain=True)


def _death_in(name: str, step: str, kills: int, **more: Any) -> Scenario:
    return _kills(f"workers die in {name}", processes.all_workers_are_killed_in(step), kills, **more)


#: Workers die in the command and in the MOVE that sends, and of a third of both the reply is lost.
_COMMAND_AND_MOVE = ("accept", "submit")
_LOST = [{"step": step, "kind": "lost-reply", "rate": 1 / 3} for step in _COMMAND_AND_MOVE]
_deaths_and_lost_replies = processes.all_workers_are_killed_in(*_COMMAND_AND_MOVE, besides=_LOST)
_deaths_and_oblivion = processes.all_workers_are_killed_in(
    *_COMMAND_AND_MOVE, "proppatch", besides=_LOST, then=redis.forget_everything
)
_answering_fails = partial(Scenario, fault=_deaths_and_lost_replies, faults=60)
_all_is_forgotten = partial(Scenario, fault=_deaths_and_oblivion, faults=40)
_alike: Mapping[str, Any] = {
    "requests": 2,
    "situations": {"occurrences": 2, "copies": 1, "updates": 2},
    "policy": NO_CLASHES,
}
_forbidden: Mapping[str, Any] = {"situations": {"forbidden": 5}, "policy": ORDINARY_CARE}

#: Each failover takes some seconds, and so does the return of the server that was killed.
_with_sentinels = partial(Scenario, faults=4, requests=16, longest_s=90, sentinels=3)
_fails_over = partial(_with_sentinels, fault=redis.redis_fails_over)

_by_ews = partial(Scenario, protocols=("ews",), requests=7)


def _ews_death_in(name: str, step: str, kills: int, *kinds: str, **more: Any) -> Scenario:
    fault = processes.all_workers_are_killed_in(step, kinds=kinds or processes.BEFORE_AND_AFTER)
    return _by_ews(f"EWS: workers die in {name}", fault, kills, kills=True, **more)


#: What changes a mailbox, and what is said when it has been changed, but not that it has.
_EWS_CHANGES = ("createitem", "updateitem", "moveitem")
_AFTER = ("lost-reply", "reset-after", "500-after")
_EWS_LOST = [{"step": "createitem", "kind": "lost-reply", "rate": 1 / 3}]
_ews_deaths_and_lost_replies = processes.all_workers_are_killed_in("createitem", "moveitem", besides=_EWS_LOST)
_ews_deaths_and_oblivion = processes.all_workers_are_killed_in(
    "createitem", "updateitem", besides=_EWS_LOST, then=redis.forget_everything
)

SCENARIOS = (
    _beside_plain("none", nothing, 1),
    _death_in("PROPFIND", "propfind", 36),
    _death_in("SEARCH", "search", 36),
    _death_in("PROPPATCH", "proppatch", 18, servers=OTHER_FATES),
    _death_in("the accept command", "accept", 48, beside_plain=True),
    _death_in("the sending MOVE", "submit", 48, beside_plain=True),
    _death_in("the accept command, other fates of requests", "accept", 36, beside_plain=True, servers=OTHER_FATES),
    _death_in("the sending MOVE, other fates of requests", "submit", 36, beside_plain=True, servers=OTHER_FATES),
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
    _fails_over("Redis fails over"),
    _fails_over("Redis fails over, other fates of requests", servers=OTHER_FATES),
    _with_sentinels("Redis freezes and fails over", redis.redis_freezes_and_fails_over),
    _with_sentinels("Redis is cut off and fails over", redis.redis_is_cut_off_and_fails_over),
    _with_sentinels(
        "Redis is cut off and fails over: occurrences, copies, updates",
        redis.redis_is_cut_off_and_fails_over,
        **{**_alike, "requests": 12},
        servers=NOTHING_REMOVED,
    ),
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
    Scenario("slow pages", servers.pages_are_slow, 150, longest_s=60, servers=SMALL_PAGES),
    Scenario("clocks jump by up to an hour", clocks.clocks_jump, 30, moved_clock=True),
    Scenario("Redis' clock jumps by up to an hour", clocks.redis_clock_jumps, 20, moved_redis=True, longest_s=60),
    Scenario("records are broken", redis.records_are_broken, 60, requests=8, longest_s=60),
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
    _answering_fails("occurrences, copies, updates: workers die, replies are lost", **_alike),
    _answering_fails(
        "occurrences, copies, updates: workers die, replies are lost, other fates of requests",
        **_alike,
        servers=OTHER_FATES,
    ),
    _answering_fails("late drafts: workers die, replies are lost", servers=LATE_DRAFTS),
    _answering_fails("late drafts, late answers to commands: workers die", servers=LATE_ANSWERS),
    Scenario(
        "Redis forgets everything, requests are left",
        redis.redis_forgets_everything,
        6,
        requests=8,
        servers=NOTHING_REMOVED,
    ),
    _all_is_forgotten("Redis forgets everything, workers die, requests are left", servers=NOTHING_REMOVED),
    _all_is_forgotten(
        "Redis forgets everything, workers die, requests are left: occurrences, copies, updates",
        **_alike,
        servers=NOTHING_REMOVED,
    ),
    Scenario("two installations", installations.two_installations, 30, requests=8),
    Scenario(
        "two installations, requests are left",
        installations.two_installations,
        30,
        requests=8,
        servers=NOTHING_REMOVED,
    ),
    _answering_fails(
        "what must not be answered: workers die, replies are lost",
        **_forbidden,
        servers=OTHER_FATES,
    ),
    _all_is_forgotten(
        "what must not be answered: Redis forgets everything, workers die",
        **_forbidden,
        servers=NOTHING_REMOVED,
    ),
    _by_ews("EWS: none", nothing, 1),
    _ews_death_in("FindItem", "finditem", 36),
    _ews_death_in("GetItem", "getitem", 36),
    _ews_death_in("UpdateItem", "updateitem", 36),
    _ews_death_in("CreateItem, before its effect", "createitem", 36, "hang"),
    _ews_death_in("CreateItem, after its effect", "createitem", 36, "hang-after"),
    _ews_death_in("CreateItem, other evidence", "createitem", 36, servers=OTHER_EVIDENCE),
    _ews_death_in("MoveItem", "moveitem", 36, servers=OTHER_EVIDENCE),
    _by_ews("EWS: two workers die at once", processes.two_workers_are_killed, 60, kills=True),
    _by_ews("EWS: replies to changes are lost", servers.servers_break(0.5, *_AFTER, steps=_EWS_CHANGES), 150),
    _by_ews(
        "EWS: replies to changes are lost, other evidence",
        servers.servers_break(0.5, *_AFTER, steps=_EWS_CHANGES),
        150,
        servers=OTHER_EVIDENCE,
    ),
    _by_ews(
        "EWS: ErrorTimeoutExpired, and all was done",
        servers.servers_break(0.5, "timeout-after", steps=_EWS_CHANGES),
        150,
    ),
    _by_ews(
        "EWS: answers are half done",
        servers.servers_break(0.3, "half-done", steps=("createitem",)),
        60,
        servers=HALF_ANSWERS,
        may_give_up=True,
        settings=FEW_ATTEMPTS,
    ),
    _by_ews("EWS: storms of ErrorServerBusy", servers.servers_are_busy("server-busy", 0.5, ms=2000), 60),
    _by_ews("EWS: storms of 503", servers.servers_are_busy("503", 0.5), 60),
    _by_ews("EWS: connections break", servers.servers_break(0.3, "reset-before", "reset-after"), 150),
    _by_ews("EWS: replies never come, or drip", servers.servers_break(0.2, "hang", "hang-after", "drip"), 60),
    _by_ews(
        "EWS: replies are torn, garbage, or empty",
        servers.servers_break(0.4, "truncate", "garbage", "empty", "wrong-type"),
        150,
    ),
    _by_ews("EWS: Redis dies", redis.redis_is_killed, 6, requests=8),
    _fails_over("EWS: Redis fails over", protocols=("ews",)),
    _with_sentinels("EWS: Redis freezes and fails over", redis.redis_freezes_and_fails_over, protocols=("ews",)),
    _with_sentinels("EWS: Redis is cut off and fails over", redis.redis_is_cut_off_and_fails_over, protocols=("ews",)),
    _by_ews("EWS: Redis forgets everything", redis.redis_forgets_everything, 6, requests=8),
    _by_ews("EWS: Redis forgets everything, workers die", _ews_deaths_and_oblivion, 40, servers=OTHER_EVIDENCE),
    _by_ews("EWS: limits change, lanes are paused", hands.limits_change_and_lanes_are_paused, 150),
    _by_ews(
        "EWS: occurrences, copies, updates: workers die, replies are lost", _ews_deaths_and_lost_replies, 60, **_alike
    ),
    _by_ews(
        "EWS: what must not be answered: workers die, replies are lost",
        _ews_deaths_and_lost_replies,
        60,
        **_forbidden,
        servers=OTHER_EVIDENCE,
    ),
)
