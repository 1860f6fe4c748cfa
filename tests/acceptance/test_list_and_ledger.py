"""The list of mailboxes and the settings change while work waits: nothing is done that was taken back, nothing dies."""

import csv
import json
import os
from collections import Counter
from pathlib import Path

from rsvpq import wiring
from rsvpq.lanes import Item, Lanes
from rsvpq.mail.messages import Mailbox, MeetingMessage
from rsvpq.settings import load_settings
from rsvpq.tasks import contract
from testbed.processes import until
from testbed.simulated_exchange import World
from testbed.stack import Pace, Plan, Stack
from tests.support.running_stack import rsvpq, wait_until_answered

AMPLE = Pace(1000, 1000, 1)
WORLD = World(mailboxes=4, requests=5, responses=1, seed=7)


def lanes_of(stack: Stack) -> Lanes:
    """The lanes of the installation."""
    return wiring.make_lanes(load_settings(stack.config))


def accepted(stack: Stack) -> Counter[str]:
    """How many requests of each mailbox were accepted, by the simulator's own count."""
    found = Counter({message["mailbox"]: 0 for message in stack.exchange.messages()})
    found.update(message["mailbox"] for message in stack.exchange.messages() if message["accepted"])
    return found


def rewrite_list(stack: Stack, *, without: str = "", server: str = "mail0") -> None:
    """Leave a mailbox out of the list, or call its server otherwise."""
    path = stack.directory / "mailboxes.csv"
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    kept = [[row[0], server, *row[2:]] for row in rows if row[0] != without]
    new = path.with_suffix(".new")
    with new.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *kept])
    written = new.stat().st_mtime - 10  # a list that may still be written to is not read yet
    os.utime(new, (written, written))
    new.replace(path)


def test_a_mailbox_that_is_taken_off_the_list_while_its_items_wait_is_left_alone(tmp_path: Path) -> None:
    with Stack(tmp_path, Plan(WORLD, AMPLE, AMPLE, AMPLE, answer_workers=0)) as stack:
        lanes = lanes_of(stack)
        assert rsvpq(stack, "scan", "--all").returncode == 0
        until(lambda: lanes.snapshot.counts().get("done:scanned") == WORLD.mailboxes, "every mailbox was scanned")
        gone = next(name for name, _ in accepted(stack).items())
        rewrite_list(stack, without=gone)
        stack.start_worker("answer-0", "workers.app", 4)
        until(
            lambda: (
                not lanes.namespace.redis.llen(f"{lanes.namespace.prefix}:lane:{gone}") and not _in_flight(lanes, gone)
            ),
            "its lane is empty",
        )
        until(lambda: all(count for name, count in accepted(stack).items() if name != gone), "the others are answered")
        assert accepted(stack)[gone] == 0
        assert lanes.snapshot.counts()["done:unlisted"] > 1
        assert lanes.snapshot.counts().get("dead", 0) == 0


def _in_flight(lanes: Lanes, mailbox: str) -> int:
    return int(lanes.namespace.redis.hget(f"{lanes.namespace.prefix}:mailbox:{mailbox}", "n") or 0)


def test_a_restart_in_the_documented_order_under_a_new_name_of_a_server_kills_no_message(tmp_path: Path) -> None:
    """The dispatcher and the scans know the new settings before the answers do."""
    with Stack(tmp_path, Plan(WORLD, AMPLE, AMPLE, AMPLE)) as stack:
        stack.config.write_text(stack.config.read_text().replace("[servers.mail0]", "[servers.hq1]"))
        rewrite_list(stack, server="hq1")
        for name in ("dispatcher-0", "scan"):
            stack.restart(name)
        lanes = lanes_of(stack)
        assert rsvpq(stack, "scan", "--all").returncode == 0
        names = list(accepted(stack))
        until(
            lambda: all(lanes.controls.held("mailbox", name)[0] for name in names),
            "the old worker has sent all of them back",
        )
        assert all("this process has an old list" in lanes.controls.held("mailbox", name)[1] for name in names)
        assert lanes.snapshot.counts().get("dead", 0) == 0
        assert sum(accepted(stack).values()) == 0

        stack.restart("answer-0")
        stack.parts["answer-0"].wait_for(lambda: " ready." in stack.parts["answer-0"].tail(100), "it is ready")
        for name in names:
            lanes.controls.resume("mailbox", name)
        wait_until_answered(stack)
        assert lanes.snapshot.counts().get("dead", 0) == 0
        assert stack.exchange.ask("summary")["requests"]["answered_twice"] == 0


def test_what_an_earlier_version_has_offered_is_answered_once_and_what_was_given_up_then_is_not(tmp_path: Path) -> None:
    """Items had other identities; a ledger that is full of them is worked, and no scan offers the same again."""
    with Stack(tmp_path, Plan(WORLD, AMPLE, AMPLE, AMPLE, answer_workers=0)) as stack:
        lanes = lanes_of(stack)
        assert rsvpq(stack, "scan", "--all").returncode == 0
        until(lambda: lanes.snapshot.counts().get("done:scanned") == WORLD.mailboxes, "every mailbox was scanned")
        for name in ("dispatcher-0", "scan"):
            stack.kill(name)
        dropped = _as_an_earlier_version_had_it(lanes, stack)

        for name in ("dispatcher-0", "scan"):
            stack.restart(name)
        stack.start_worker("answer-0", "workers.app", 4)
        until(lambda: stack.exchange.ask("summary")["requests"]["waiting"] == 1, "all but one are answered")
        until(lambda: _at_rest(lanes), "nothing is under way")
        assert rsvpq(stack, "scan", "--all").returncode == 0
        until(lambda: lanes.snapshot.counts().get("done:scanned") == WORLD.mailboxes, "every mailbox was scanned again")
        until(lambda: _at_rest(lanes), "nothing is under way")
        assert stack.exchange.ask("summary")["requests"]["waiting"] == 1
        assert lanes.namespace.redis.hget(f"{lanes.namespace.prefix}:item:{dropped}", "state") == "dropped"
        assert stack.exchange.ask("summary")["requests"]["answered_twice"] == 0
        assert lanes.snapshot.counts().get("dead", 0) == 0


def _at_rest(lanes: Lanes) -> bool:
    servers = lanes.snapshot.status().servers.values()
    return not any(server.pending or server.in_flight for server in servers)


def _as_an_earlier_version_had_it(lanes: Lanes, stack: Stack) -> str:
    """Let the ledger have all messages under their earlier identities, and one request among them given up: which."""
    client, offered = lanes.namespace.redis, list[tuple[Mailbox, Item]]()
    for key in list(client.scan_iter(match=f"{lanes.namespace.prefix}:item:*", count=1000)):
        item = client.hgetall(key)
        if item["state"] != "done":
            mailbox, payload = Mailbox(item["mailbox"], item["server"]), json.loads(item["payload"])
            identity = MeetingMessage.from_payload(payload).earlier_identity(mailbox)
            offered.append((mailbox, Item(identity, item["work"], item["pool"], payload)))
    client.flushdb()
    wiring.configure(lanes, load_settings(stack.config))
    given_up = next(item.id for _, item in offered if item.work == contract.ANSWER_REQUEST)
    for mailbox, item in offered:
        if item.id == given_up:
            client.hset(
                f"{lanes.namespace.prefix}:item:{given_up}", mapping={"state": "dropped", "mailbox": mailbox.name}
            )
        else:
            lanes.ledger.offer(contract.lane_of(mailbox), [item])
    return given_up
