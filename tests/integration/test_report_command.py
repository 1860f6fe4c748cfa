"""``rsvpq report`` as an operator runs it: periods, forms, files, complaints and exit codes."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from rsvpq import wiring
from rsvpq.audit.record import AuditedDecision
from rsvpq.mail.messages import ItemRef, Kind, Mailbox, MeetingMessage
from testbed.processes import free_port
from tests.support.installation import Installation

ADELE = Mailbox("adele", "mail1")
HIDE = '[audit]\nhide = ["subjects", "addresses"]\nhash_key_file = "key"\n'

#: Writes the records ARGV[1] to ARGV[2] of attempts that failed, ARGV[4] ms apart, of which number 0 was at ARGV[3] ms.
_FILL = """
for n = ARGV[1], ARGV[2] do
  redis.call('XADD', KEYS[1], string.format('%.0f-0', ARGV[3] + n * ARGV[4]),
    'event', 'failed', 'item', 'i' .. n, 'kind', 'request', 'mailbox', 'box' .. n % 9, 'server', 'mail1',
    'reason', 'Transient: no', 'result', 'later')
end
"""
#: Records per call: a script holds Redis, and all who wait for it.
_PAGE = 5000


def decide(installation: Installation, *uids: str) -> None:
    """Tell that requests are accepted."""
    audit = wiring.make_audit(installation.settings, installation.lanes())
    messages = [
        MeetingMessage(
            Kind.REQUEST,
            ItemRef(f"rid:{uid}", (f"/x/{uid}", "")),
            uid=uid,
            subject="Budget",
            organizer="Carla <carla@example.com>",
        )
        for uid in uids
    ]
    audit.decide(
        ADELE, "scan-r1-x", "r1", [(one, AuditedDecision("accept", "all", "every-request")) for one in messages]
    )


def fill(redis: Redis, count: int, ago_ms: int, apart_ms: int = 1) -> None:
    """Records as a busy installation leaves them, the last one so long ago."""
    seconds, microseconds = redis.time()
    before_ms = seconds * 1000 + microseconds // 1000 - ago_ms - count * apart_ms
    for first in range(1, count + 1, _PAGE):
        last = min(first + _PAGE - 1, count)
        redis.eval(_FILL, 1, "{rsvpq}:audit", first, last, before_ms, apart_ms)


def figures(installation: Installation, *arguments: str) -> dict[str, Any]:
    """The report as a program reads it."""
    ended = installation.rsvpq("report", "--format", "json", *arguments)
    assert (ended.returncode, ended.stderr) == (0, "")
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def test_an_empty_audit_is_no_error(installation: Installation) -> None:
    ended = installation.rsvpq("report")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "Nothing was recorded in this period." in ended.stdout
    assert "The audit is empty." in ended.stdout
    assert figures(installation)["period"]["audit_begins"] is None


def test_an_empty_period_is_no_error_either(installation: Installation) -> None:
    decide(installation, "U1")
    found = figures(installation, "--since", "2001-01-01", "--until", "2001-02-01")
    assert (found["period"]["records"], found["bars"]) == (0, [])
    assert found["period"]["audit_begins"] is not None


@pytest.mark.parametrize(("form", "begin"), [("text", "20"), ("html", "<!doctype html>"), ("json", "{")])
def test_each_form_goes_to_stdout_or_to_a_file(installation: Installation, form: str, begin: str) -> None:
    decide(installation, "U1")
    shown = installation.rsvpq("report", "--format", form)
    file = installation.directory / "überblick"
    written = installation.rsvpq("report", "--format", form, "--output", str(file))
    assert (shown.returncode, written.returncode, written.stdout, written.stderr) == (0, 0, "", "")
    assert shown.stdout.startswith(begin)
    assert file.read_text(encoding="utf-8").startswith(begin)
    assert "carla@example.com" in file.read_text(encoding="utf-8")


def test_what_cannot_be_written_is_one_line_and_exit_code_1(installation: Installation) -> None:
    ended = installation.rsvpq("report", "--output", str(installation.directory / "none" / "report.txt"))
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "No such file or directory" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--since", "yesterday"), "'yesterday' is not a time; write how long ago"),
        (("--since", "1h", "--until", "2h"), "--since must be before --until"),
        (("--since", "2999-01-01"), "and before now"),
        (("--timezone", "Europe/Atlantis"), "unknown time zone 'Europe/Atlantis'; use one such as Europe/Berlin"),
        (("--timezone", "../etc/passwd"), "unknown time zone"),
        (("--timezone", ""), "unknown time zone"),
        (("--group-by", "week"), "is not one of"),
        (("--format", "pdf"), "is not one of"),
        (("--output", "."), "is a directory"),
    ],
)
def test_what_cannot_be_asked_is_wrong_usage(
    installation: Installation, arguments: tuple[str, ...], complaint: str
) -> None:
    ended = installation.rsvpq("report", *arguments)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert complaint in ended.stderr.replace("\n", " ")
    assert "Traceback" not in ended.stderr


def test_without_redis_there_is_one_line_and_exit_code_1(tmp_path: Path) -> None:
    ended = Installation(tmp_path, f"redis://127.0.0.1:{free_port()}/0").rsvpq("report")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("rsvpq: cannot query Redis: ")


def test_the_end_of_the_period_is_not_in_it(installation: Installation, redis: Redis) -> None:
    decide(installation, "U1")
    client: Any = redis
    ((entry_id, _),) = client.xrange("{rsvpq}:audit")
    at = datetime.fromtimestamp(int(entry_id.split("-")[0]) / 1000, UTC)
    after = at + timedelta(milliseconds=1)
    assert figures(installation, "--until", at.isoformat())["period"]["records"] == 0
    assert figures(installation, "--since", at.isoformat(), "--until", after.isoformat())["period"]["records"] == 1
    assert figures(installation, "--since", after.isoformat())["period"]["records"] == 0


def test_a_moment_without_an_offset_is_in_the_zone_of_the_report(installation: Installation) -> None:
    decide(installation, "U1")
    for zone, since in (("Asia/Kolkata", "2026-01-01T00:00:00.000+05:30"), ("UTC", "2026-01-01T00:00:00.000+00:00")):
        found = figures(installation, "--since", "2026-01-01", "--timezone", zone)
        assert (found["timezone"], found["period"]["since"]) == (zone, since)


def test_bars_are_hours_for_a_few_days_and_days_for_more_unless_said(installation: Installation, redis: Redis) -> None:
    fill(redis, 10, 0, apart_ms=86_400_000)
    assert figures(installation, "--since", "9d")["unit"] == "day"
    assert figures(installation, "--since", "2d")["unit"] == "hour"
    assert figures(installation, "--since", "2d", "--group-by", "day")["unit"] == "day"
    assert len(figures(installation, "--since", "9d", "--group-by", "hour", "--timezone", "UTC")["bars"]) in (216, 217)


def test_it_says_where_the_audit_was_cut(installation: Installation, redis: Redis) -> None:
    fill(redis, 10, 0, apart_ms=60_000)
    assert "there are no older records." in installation.rsvpq("report").stdout
    redis.xtrim("{rsvpq}:audit", maxlen=4, approximate=False)
    found = figures(installation)["period"]
    assert (found["records"], found["dropped"]) == (4, 6)
    assert found["audit_begins"] == found["first"]
    shown = " ".join(installation.rsvpq("report").stdout.split())
    assert "6 older records were dropped (audit.retention, audit.most_records)" in shown
    assert "dropped" not in installation.rsvpq("report", "--since", "1m").stdout


def test_hidden_values_stay_digests(installation: Installation) -> None:
    (installation.directory / "key").write_text("0123456789abcdef")
    installation.write(HIDE)
    decide(installation, "U1", "U2")
    for form in ("text", "html", "json"):
        shown = installation.rsvpq("report", "--format", form).stdout
        assert not [word for word in ("adele", "carla", "Budget") if word in shown]
    digest = wiring.make_redaction(installation.settings).address("carla@example.com")
    assert figures(installation)["organizers"] == [{"organizer": digest, "requests": 2, "answers": 0}]


def test_of_many_records_the_progress_is_reported(installation: Installation, redis: Redis) -> None:
    fill(redis, 200_001, 1000)
    ended = installation.rsvpq("report", "--format", "json")
    first, second = ended.stderr.splitlines()
    assert first.startswith("100,000 records read, up to 20")
    assert second.startswith("200,000 records read, up to 20")
    found = json.loads(ended.stdout)
    assert found["troubles"]["failed"] == found["period"]["records"] == 200_001
    assert sum(one["failed"] for one in found["failing"]) == 200_001
