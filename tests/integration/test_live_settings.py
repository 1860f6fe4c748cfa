"""Settings that are applied are taken up without a restart, only as they were checked, and every process says which."""

import json
import os
import shutil
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from redis import Redis

from rsvpq.lanes import Lanes
from rsvpq.lanes.limits import Limits, Rate
from rsvpq.mail.messages import Mailbox
from rsvpq.ops import configuration, open_context
from rsvpq.settings import Settings, load_settings
from rsvpq.settings.mailboxes import MailboxList, read_mailboxes
from rsvpq.settings.revision import Revision, list_digest, settings_digest
from rsvpq.tasks import contract
from rsvpq.wiring.revisions import Applied, LiveSettings, SettingsReport, SettingsWatch, differences, reports
from testbed.processes import WAIT_S, Part, until
from tests.support.installation import Installation, queued

RULE = '[[policy.rules]]\nname = "all"\ndecision = "accept"\n'
TIGHT = '[limits]\nrate = "1/min"\nburst = 1\n'


@dataclass
class Process:
    """The live settings of a process, and what it has taken up."""

    live: LiveSettings
    taken: list[Settings] = field(default_factory=list)

    def look(self) -> str:
        """Look once; return the problem."""
        self.live.look()
        return self.live.problem


def revision_of(installation: Installation) -> Revision:
    """The revision of the files."""
    settings = installation.settings
    return Revision(settings_digest(settings), list_digest(read_mailboxes(settings.mailboxes, settings)))


def start(installation: Installation) -> Process:
    """A process that has read the files, and has looked once."""
    settings = installation.settings
    taken: list[Settings] = []
    live = LiveSettings(
        settings,
        MailboxList(settings.mailboxes, settings),
        installation.lanes(),
        lambda applied, _: taken.append(applied),
        load=lambda: load_settings(installation.config, {}),
    )
    process = Process(live, taken)
    process.look()
    return process


def publish(installation: Installation) -> Revision:
    """Apply the files as they are."""
    revision = revision_of(installation)
    Applied(revision).publish(installation.lanes())
    return revision


def test_what_was_applied_is_taken_up_once(installation: Installation) -> None:
    process = start(installation)
    installation.write(RULE)
    process.look()
    assert process.taken == []  # it was written, and not applied
    revision = publish(installation)
    assert [process.look(), process.look()] == ["", ""]
    assert [settings.policy.rules[0].name for settings in process.taken] == ["all"]
    assert process.live.report("here:1", "scan").revision == revision


def test_a_file_that_is_half_written_is_never_taken_up(installation: Installation) -> None:
    process = start(installation)
    installation.write(RULE)
    publish(installation)
    whole = installation.config.read_text()
    for length in range(0, len(whole) - 1, 7):
        installation.config.write_text(whole[:length])
        assert process.look() != ""
    assert process.taken == []
    installation.config.write_text(whole)
    assert process.look() == ""
    assert len(process.taken) == 1


def test_a_list_that_is_half_written_is_never_taken_up(installation: Installation) -> None:
    process = start(installation)
    installation.write(RULE)
    publish(installation)
    file = installation.directory / "mailboxes.csv"
    whole = file.read_text()
    file.write_text("mailbox,server,group\nadele,mail1,sales\n")
    assert "list of mailboxes on this host is not the one" in process.look()
    file.write_text(whole)
    assert process.look() == ""


def test_a_host_with_another_list_says_so_although_its_settings_are_the_same(installation: Installation) -> None:
    process = start(installation)
    whole = (installation.directory / "mailboxes.csv").read_text()
    installation.list_only("adele,mail1,sales")  # as it is on the host where it is applied
    publish(installation)
    (installation.directory / "mailboxes.csv").write_text(whole)
    assert "list of mailboxes on this host is not the one" in process.look()
    installation.list_only("adele,mail1,sales")
    assert process.look() == ""
    assert process.taken == []  # the settings are the same


def test_another_state_of_the_files_than_the_applied_one_is_kept_out(installation: Installation) -> None:
    process = start(installation)
    installation.write(RULE)
    publish(installation)
    installation.write(TIGHT)
    assert "copy the file, or apply the present one" in process.look()
    assert process.taken == []
    report = process.live.report("here:1", "scan")
    assert report.problem == process.live.problem
    assert SettingsReport.parse("here:1", report.to_text()) == report


def test_keys_of_a_restart_keep_everything_else_out(installation: Installation) -> None:
    process = start(installation)
    installation.write(RULE + '[health]\nstalled_after = "90s"\n')
    publish(installation)
    assert process.look() == "health.stalled_after cannot be changed while a process runs; restart it"
    assert process.taken == []


def test_what_was_applied_before_a_process_began_does_not_undo_its_newer_files(installation: Installation) -> None:
    publish(installation)
    installation.write(RULE)
    process = start(installation)  # restarted instead of applied
    assert process.look() == ""
    installation.write()  # as it was applied then, and not again
    assert process.look() == ""
    assert process.taken == []


def test_what_is_applied_while_a_process_begins_is_taken_up(installation: Installation) -> None:
    early = installation.settings
    installation.write(RULE)
    publish(installation)
    process = start(installation)
    assert process.taken == []  # it has read them itself
    process.live.settings, process.live.token = early, ""
    process.live._digest, process.live._looked = "", False
    process.look()
    assert [settings.policy.rules[0].name for settings in process.taken] == ["all"]


def test_a_renewal_that_fails_is_tried_again(installation: Installation) -> None:
    process = start(installation)
    failures = [ConnectionError("away")]
    renew = process.live.renew

    def fail_once(settings: Settings, mailboxes: MailboxList) -> None:
        if failures:
            raise failures.pop()
        renew(settings, mailboxes)

    process.live.renew = fail_once
    installation.write(RULE)
    publish(installation)
    with pytest.raises(ConnectionError):
        process.look()
    assert process.live.settings.policy.rules == ()
    process.look()
    assert len(process.taken) == 1


def test_a_revision_shows_no_secret_and_no_path(installation: Installation) -> None:
    before = revision_of(installation)
    secret = installation.directory / "password"
    secret.write_text("another one")
    assert revision_of(installation) == before
    shutil.copy(secret, installation.directory / "copy")
    installation.config.write_text(installation.config.read_text().replace('"password"', '"copy"'))
    assert revision_of(installation) == before


def test_any_rule_row_or_limit_gives_another_revision(installation: Installation) -> None:
    found = [revision_of(installation)]
    for extra in (RULE, RULE.replace("accept", "decline"), TIGHT, "[retry]\nattempts = 15\n"):
        installation.write(extra)
        found.append(revision_of(installation))
    assert len({one.settings for one in found}) == len(found)
    installation.write()
    (installation.directory / "mailboxes.csv").write_text("mailbox,server\nadele,mail1\n")
    assert revision_of(installation).mailboxes != found[0].mailboxes


def watched(installation: Installation) -> SettingsWatch:
    """A watch of a process, which is not started as a thread."""
    return SettingsWatch(start(installation).live, "scan")


def test_a_process_reports_what_it_runs_with_until_it_ends(installation: Installation) -> None:
    watch = watched(installation)
    watch.look()
    (report,) = reports(installation.lanes())
    assert report.name == f"scan {socket.gethostname()}:{os.getpid()}"
    assert (report.revision, report.problem) == (revision_of(installation), "")
    watch.stop()
    assert reports(installation.lanes()) == ()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda redis: redis.set("{rsvpq}:revisions", "x"),
        lambda redis: redis.hset("{rsvpq}:revisions", "here:1", "no report"),
        lambda redis: redis.hset("{rsvpq}:revisions", "here:1", f"{10**17} {{}}"),
        lambda redis: redis.lpush("{rsvpq}:revision", "x"),
        lambda redis: redis.set("{rsvpq}:revision", "[1, 2]"),
    ],
)
def test_what_others_write_there_stops_no_report(
    installation: Installation, redis: Redis, spoil: Callable[[Redis], object]
) -> None:
    watch = watched(installation)
    redis.delete("{rsvpq}:revisions", "{rsvpq}:revision")
    spoil(redis)
    watch.look()
    assert [one.role for one in reports(installation.lanes())] == ["scan"]


def test_a_report_ends_by_itself(redis: Redis) -> None:
    now = [10**15]
    lanes = Lanes(redis, now_us=lambda: now[0])
    lanes.revisions.report("here:1", "a", 10)
    now[0] += 9_000_000
    assert lanes.revisions.reports() == {"here:1": "a"}
    now[0] += 2_000_000
    assert lanes.revisions.reports() == {}
    lanes.revisions.report("here:2", "b", 10)
    assert redis.hkeys("{rsvpq}:revisions") == ["here:2"]


def test_differences_are_named_with_their_processes() -> None:
    one, other = Revision("a", "l"), Revision("b", "l")
    same = (SettingsReport("here:1", "scan", one), SettingsReport("here:2", "answer", one))
    assert list(differences(same, one)) == []
    assert list(differences(same, other)) == [
        "settings differ: scan here:1, answer here:2 with a-l; the files here have b-l"
    ]
    mixed = (*same, SettingsReport("here:3", "dispatcher", other, "no such file"))
    assert list(differences(mixed)) == [
        "settings differ: scan here:1, answer here:2 with a-l; dispatcher here:3 with b-l",
        "dispatcher here:3 keeps b-l: no such file",
    ]


def test_one_problem_of_many_processes_is_reported_once(installation: Installation) -> None:
    many = tuple(SettingsReport(f"here:{number}", "scan", Revision("a", ""), "no such file") for number in range(8))
    said = "scan here:0, scan here:1, scan here:2 and 5 more keep a-unread: no such file"
    assert list(differences(many)) == [said]
    for one in many:
        installation.lanes().revisions.report(one.process, one.to_text(), 60)
    assert installation.rsvpq("doctor").stdout.count("no such file") == 1
    assert {one.revision for one in reports(installation.lanes())} == {Revision("a", "")}


# -- the commands ----------------------------------------------------------------------------------------------------


def report_as(installation: Installation, role: str, process: str, *, token: str = "", problem: str = "") -> None:
    """SettingsReport a process that runs with the files as they are."""
    live = start(installation).live
    live.token, live.problem = token, problem
    installation.lanes().revisions.report(process, live.report(process, role).to_text(), 60)


def test_apply_refuses_what_config_check_refuses(installation: Installation, redis: Redis) -> None:
    installation.write("[retry]\natempts = 3\n")
    ended = installation.rsvpq("config", "apply")
    assert ended.returncode == 2
    assert "did you mean attempts?" in ended.stderr
    assert redis.get("{rsvpq}:revision") is None


def test_apply_says_that_nothing_runs_here(installation: Installation) -> None:
    ended = installation.rsvpq("config", "apply")
    assert ended.returncode == 1
    assert "redis.url and redis.namespace need a restart" in ended.stderr


def test_apply_refuses_a_key_of_a_restart_and_names_it(installation: Installation, redis: Redis) -> None:
    here = f"{socket.gethostname()}:1"
    report_as(installation, "scan", here)
    report_as(installation, "scan", "elsewhere:1")
    installation.write('[health]\nstalled_after = "90s"\n')
    ended = installation.rsvpq("config", "apply")
    assert ended.returncode == 1
    assert f"health.stalled_after cannot be changed while processes run: scan {here} began with 1m" in ended.stderr
    assert redis.get("{rsvpq}:revision") is None


def test_apply_brings_limits_into_force_at_once_and_is_in_the_audit(installation: Installation, redis: Redis) -> None:
    report_as(installation, "scan", "elsewhere:1")
    installation.write(TIGHT)
    ended = installation.rsvpq("config", "apply", "--no-wait", "--why", "slower")
    assert ended.returncode == 0
    assert redis.hget("{rsvpq}:cfg", "interval") == "60000000"
    audit = json.loads(installation.rsvpq("audit", "--format", "jsonl").stdout.splitlines()[-1])
    assert (audit["step"], audit["reason"]) == ("apply", "slower")
    assert audit["note"].endswith(f" -> {revision_of(installation)}")


def test_apply_names_who_has_not_taken_it_up(installation: Installation) -> None:
    report_as(installation, "scan", "elsewhere:1")
    installation.lanes().ledger.report_threads("old:1", 8, ["answer"], believed_s=60)
    ended = installation.rsvpq("config", "apply", "--no-wait", "--json")
    shown = json.loads(ended.stdout)
    assert (shown["complete"], shown["unreported"]) == (False, ["answer old:1"])
    assert [one["name"] for one in shown["processes"] if not one["taken_up"]] == ["scan elsewhere:1"]


def test_apply_shows_the_warnings_of_the_check_and_what_has_left_the_list(installation: Installation) -> None:
    report_as(installation, "scan", "elsewhere:1")
    lanes = installation.lanes()
    for name in ("adele", "bruno"):
        mailbox = Mailbox(name, "mail1")
        lanes.ledger.offer_scans([(contract.lane_of(mailbox), contract.scan_item(mailbox, "first"))])
    installation.list_only()
    warnings = json.loads(installation.rsvpq("config", "apply", "--no-wait", "--json").stdout)["warnings"]
    left = "2 mailboxes have left the list within a week, and 0 are in it: rsvpq mailboxes --state unlisted"
    assert left in warnings
    assert any(one.endswith("mailboxes.csv: mailbox: none is listed; write one in each row") for one in warnings)


def test_apply_says_what_lets_more_be_answered_than_before(installation: Installation) -> None:
    text = "[policy]\nmost_answers_per_run = 5000\n[policy.groups.sales]\nmost_answers_per_run = 5\n"
    installation.write(text)
    respond = installation.config.read_text()
    installation.config.write_text(respond.replace('mode = "respond"', 'mode = "observe"'))
    report_as(installation, "scan", "elsewhere:1")
    more = text.replace("[policy]", "[policy]\nconfirmed = true\nmost_answers_per_scan = 10").replace("= 5\n", "= 6\n")
    installation.config.write_text(respond.replace(text, more.replace("= 5000", "= 5001")))
    shown = installation.rsvpq("config", "apply", "--no-wait").stderr
    assert [line.rpartition("before: ")[2] for line in shown.splitlines() if line.startswith("more is answered")] == [
        "mode: observe -> respond",
        "policy.confirmed: false -> true",
        "policy.groups.sales.most_answers_per_run: 5 -> 6",
        "policy.most_answers_per_run: 5000 -> 5001",  # and not that of a scan, which is lower now
    ]


def test_apply_of_the_same_settings_answers_no_more(installation: Installation) -> None:
    report_as(installation, "scan", "elsewhere:1")
    assert "more is answered" not in installation.rsvpq("config", "apply", "--no-wait").stderr


def test_of_two_applications_of_the_same_files_each_sees_who_runs_with_them(installation: Installation) -> None:
    live, lanes = start(installation).live, installation.lanes()
    lanes.revisions.report("here:1", live.report("here:1", "scan").to_text(), 60)
    context = open_context(installation.settings, lanes)
    listed = read_mailboxes(context.settings.mailboxes, context.settings)
    both = [configuration.apply(context, listed) for _ in range(2)]
    assert [configuration.uptake(context, one).complete for one in both] == [False, False]
    live.look()
    lanes.revisions.report("here:1", live.report("here:1", "scan").to_text(), 60)
    assert [configuration.uptake(context, one).complete for one in both] == [True, True]


def applying(installation: Installation) -> Part:
    """A command that has applied the files, and waits for a process that does not take them up."""
    report_as(installation, "scan", "elsewhere:1")
    lanes, log = installation.lanes(), installation.directory / "log"
    part = Part("rsvpq", installation.command("config", "apply"), log=log, env=installation.environment)
    part.wait_for(lambda: Applied.read(lanes), "it has applied them")
    return part


def test_an_application_that_another_one_follows_is_not_waited_for(installation: Installation) -> None:
    part = applying(installation)
    installation.write(RULE)
    revision = publish(installation)
    assert part.process.wait(WAIT_S) == 3
    assert f"{revision} was applied after it, and is what the processes take up" in part.log.read_text()


def test_an_interrupted_wait_says_what_was_applied(installation: Installation) -> None:
    part = applying(installation)
    part.signal(signal.SIGINT)
    assert part.process.wait(WAIT_S) == 130
    assert f"interrupted: applied {revision_of(installation)}, and not waited for" in part.log.read_text()


def test_the_status_says_that_settings_differ_and_which(installation: Installation) -> None:
    report_as(installation, "scan", "here:1")
    assert "settings differ" not in installation.rsvpq("status").stdout
    before = revision_of(installation)
    installation.write(RULE)
    shown = installation.rsvpq("status").stdout
    assert f"settings differ: scan here:1 with {before}; the files here have {revision_of(installation)}" in shown
    assert "rsvpq config apply" in shown
    assert json.loads(installation.rsvpq("status", "--json").stdout)["in_force"]["revisions"] == {
        "scan here:1": {"revision": str(before), "problem": "", "version": "0.1.0"}
    }


def test_the_mode_is_that_of_the_workers_and_not_that_of_the_file(installation: Installation) -> None:
    report_as(installation, "answer", "here:1")
    config = installation.config.read_text()
    installation.config.write_text(config.replace('mode = "respond"', 'mode = "observe"'))
    shown = installation.rsvpq("status").stdout
    assert "NOTHING IS ANSWERED" not in shown  # the edit is not in force, and answers are sent
    assert json.loads(installation.rsvpq("status", "--json").stdout)["in_force"]["answering"]

    report_as(installation, "answer", "here:1")
    installation.config.write_text(config)
    first = installation.rsvpq("status").stdout.splitlines()[0]
    assert first.startswith('NOTHING IS ANSWERED: mode = "observe" in the settings that the workers run with')
    force = json.loads(installation.rsvpq("status", "--json").stdout)["in_force"]
    assert force["files"] == str(revision_of(installation))
    assert force["differences"][0].startswith("settings differ: ")


def test_a_scan_says_by_which_settings_it_is_decided(installation: Installation) -> None:
    report_as(installation, "scan", "here:1")
    installation.write(RULE)
    ended = installation.rsvpq("scan", "--all")
    assert ended.returncode == 0
    what = "decided by the settings that scan here:1 runs with, which are not those of the file: rsvpq config apply"
    assert what in ended.stderr.splitlines()
    report_as(installation, "scan", "here:1")
    assert "config apply" not in installation.rsvpq("scan", "--all").stderr


def test_apply_brings_the_limits_of_rows_into_force_at_once(installation: Installation, redis: Redis) -> None:
    report_as(installation, "scan", "elsewhere:1")
    lanes = installation.lanes()
    for name in ("adele", "bruno"):
        mailbox = Mailbox(name, "mail1")
        lanes.ledger.offer_scans(
            [(contract.lane_of(mailbox, Limits(Rate(1), 1, 1)), contract.scan_item(mailbox, "first"))]
        )
    text = "mailbox,server,pace\nadele,mail1,1/h\nbruno,mail1,\no'neil,mail2,1/h\n"
    (installation.directory / "mailboxes.csv").write_text(text)
    assert installation.rsvpq("config", "apply", "--no-wait").returncode == 0
    assert redis.hget("{rsvpq}:mailbox:adele", "interval") == str(3600 * 10**6)
    assert redis.hget("{rsvpq}:mailbox:bruno", "interval") is None
    assert redis.exists("{rsvpq}:mailbox:o'neil") == 0  # it has no lane, and gets none


def test_a_worker_that_cannot_change_says_why(installation: Installation) -> None:
    process = start(installation)
    process.live.pinned = "its pool of processes keeps the settings with which it was started"
    installation.write(RULE)
    publish(installation)
    assert process.look() == process.live.pinned
    assert process.taken == []


def test_a_running_dispatcher_takes_up_schedules_and_limits(installation: Installation, redis: Redis) -> None:
    dispatcher = installation.dispatcher()
    try:
        until(lambda: reports(installation.lanes()), "the dispatcher reports")
        assert queued(redis, "scan") == []
        installation.write('[[schedule]]\nevery = "1s"\ngroup = "sales"\n' + TIGHT)
        applied = installation.rsvpq("config", "apply")
        assert (applied.returncode, applied.stdout.rpartition(": ")[2]) == (0, "1 process runs with it\n")
        message, *_ = until(lambda: queued(redis, "scan"), "a scan is triggered by the new schedule")
        assert message["task"] == contract.SCAN
        redis.delete("{rsvpq}:cfg")  # as a Redis that has lost its data
        until(lambda: redis.hget("{rsvpq}:cfg", "interval") == "60000000", "it writes the new limits")
    finally:
        dispatcher.end()
    assert reports(installation.lanes()) == ()  # it ended in order, so its report does not outlive it
