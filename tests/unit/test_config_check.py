"""``rsvpq config check``: what it prints where, and its exit code."""

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from rsvpq.cli.config import checked_config, config, report_lines
from tests.support.running_console import cheap_login

ROOT = Path(__file__).parents[2]
SECRET = "correct horse"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The example files, in the working directory, with the secrets they speak of."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "rsvpq.example.toml", tmp_path / "rsvpq.toml")
    shutil.copy(ROOT / "mailboxes.example.csv", tmp_path / "mailboxes.csv")
    _write_secret(tmp_path / "secrets" / "hq1")
    return tmp_path


def _write_secret(file: Path) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_text(SECRET)
    file.chmod(0o600)


def _check(*arguments: str) -> Result:
    return CliRunner().invoke(config, ["check", *arguments])


def _replace(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def _warnings(environ: dict[str, str] | None = None) -> list[str]:
    lines = report_lines(checked_config(None, {"RSVPQ_MODE": "respond"} | (environ or {})))
    return [line.removeprefix("warning: ") for line in lines if line.startswith("warning: ")]


def test_the_example_files_pass_unchanged(folder: Path) -> None:
    result = _check()

    assert result.stderr == ""
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "mode       observe: nothing is answered",
        "redis      redis://127.0.0.1:6379/0, namespace rsvpq",
        r"server     hq1: https://mail1.example.com/exchange/ as EXAMPLE\svc-rsvpq; "
        "10/s, burst 20, concurrency 4; 4 mailboxes",
        f"mailboxes  {folder}/mailboxes.csv: 4 mailboxes; 3 of them 2/s, burst 5, concurrency 1, "
        "and 1 with limits of its own",
        "lanes      16 scans and 64 messages released at once, to one server",
        "retries    20 attempts, over 1 h 33 min to 3 h 6 min; then dead",
        "group      (none): 1 mailbox",
        "group      pilot: 2 mailboxes",
        "group      shared: 1 mailbox",
        "policy     rules none, the built-in rules apply; not answered: external organizers, private meetings, "
        "delegates' copies, past meetings, older than 14d",
        "schedule   every 15m: group pilot",
        "warning: rsvpq.toml:6: mode: observe: nothing will be answered; write respond when you are ready",
    ]


def test_what_only_redis_knows_is_not_claimed(folder: Path) -> None:
    """Whether live runs are confirmed, or everything is paused, is not in these files."""
    _replace(folder / "rsvpq.toml", 'mode = "observe"', 'mode = "respond"')
    said = _check().stdout.splitlines()[0]
    assert said == (
        "mode       respond: answers where rsvpq confirm has confirmed live runs; "
        "whether they are now is in Redis: rsvpq status"
    )


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ("adele,\nbruno,2/s\n", "2 mailboxes; each 2/s, burst 5, concurrency 1"),
        (
            "adele,\nbruno,1/s\ncara,1/s\n",
            "3 mailboxes; 1 of them 2/s, burst 5, concurrency 1, and 2 with limits of their own",
        ),
        ("adele,1/s\nbruno,1/s\n", "2 mailboxes; all with limits of their own"),
        ("adele,1/s\n", "1 mailbox; with limits of its own"),
        ("adele,\n", "1 mailbox; 2/s, burst 5, concurrency 1"),
        ("", "0 mailboxes"),
    ],
)
def test_the_limits_of_mailboxes_are_those_that_they_have(folder: Path, rows: str, expected: str) -> None:
    (folder / "rsvpq.toml").write_text((folder / "rsvpq.toml").read_text().partition("[[schedule]]")[0])
    (folder / "mailboxes.csv").write_text(f"mailbox,pace\n{rows}")
    assert f"mailboxes  {folder}/mailboxes.csv: {expected}" in _check().stdout.splitlines()


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        ("50", "one server gets at most 50 % of the threads, and never a whole worker"),
        ("100", "a slow server may take every thread (server_share = 100)"),
    ],
)
def test_what_a_slow_server_may_have_is_reported(folder: Path, share: str, expected: str) -> None:
    second = {"RSVPQ_SERVERS__HQ2__URL": "https://mail2.example.com", "RSVPQ_SERVERS__HQ2__USERNAME": "svc"}
    second |= {"RSVPQ_SERVERS__HQ2__PASSWORD": "secret", "RSVPQ_LANES__SERVER_SHARE": share}
    assert any(
        line.startswith("lanes ") and line.endswith(expected)
        for line in report_lines(checked_config(folder / "rsvpq.toml", second))
    )


def test_the_file_can_be_given(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")

    assert _check("--config", str(folder / "rsvpq.toml")).exit_code == 0
    assert _check().exit_code == 2


def test_problems_of_the_settings_go_to_stderr_and_the_exit_code_is_2(folder: Path) -> None:
    _replace(folder / "rsvpq.toml", 'mode = "observe"', 'mode = "watch"')

    result = _check()

    assert result.exit_code == 2
    assert result.stdout == ""
    expected = "rsvpq.toml:6: mode: 'watch' is not a known value; use one of: observe, respond\n"
    assert result.stderr == expected


def test_problems_of_the_list_of_mailboxes_go_to_stderr_and_the_exit_code_is_2(folder: Path) -> None:
    _replace(folder / "mailboxes.csv", "cara@example.com,hq1", "cara@example.com,hq2")

    result = _check()

    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr == f"{folder}/mailboxes.csv:8: server: 'hq2' is not a configured server; use one of: hq1\n"


def test_a_longest_delay_that_nothing_comes_to_is_a_problem(folder: Path) -> None:
    _replace(folder / "rsvpq.toml", "attempts = 20", "attempts = 8")

    result = _check()

    assert result.exit_code == 2
    expected = (
        "retry.longest_delay: 15m is never reached with 8 attempts: the longest is 320s; write more attempts, or 320s"
    )
    assert expected in result.stderr


def test_a_schedule_for_a_group_of_nobody_is_a_problem(folder: Path) -> None:
    _replace(folder / "rsvpq.toml", 'group = "pilot"', 'group = "pilots"')

    result = _check()

    assert result.exit_code == 2
    line = (folder / "rsvpq.toml").read_text().splitlines().index('group = "pilots"') + 1
    expected = f"rsvpq.toml:{line}: schedule[0].group: no mailbox is in the group 'pilots'; did you mean pilot?\n"
    assert result.stderr == expected


@pytest.mark.usefixtures("folder")
def test_what_is_in_order_brings_no_warning() -> None:
    assert _warnings() == []


def _with_ews(folder: Path, more: str = "") -> None:
    """Let the server speak EWS."""
    text = (folder / "rsvpq.toml").read_text()
    text = text.replace('url = "https://mail1.example.com"', 'url = "https://mail1.example.com/EWS/Exchange.asmx"')
    text = text.replace('answers = "owa"\n', "")
    (folder / "rsvpq.toml").write_text(text.replace('protocol = "webdav"', f'protocol = "ews"\n{more}'))
    (folder / "mailboxes.csv").write_text("mailbox,server,group\nadele@example.com,hq1,pilot\n")


def test_answering_by_delegate_access_is_warned_about(folder: Path) -> None:
    _with_ews(folder, 'access = "delegate"\n')

    (warning,) = _warnings()
    assert "servers.hq1.access: delegate: without Send As on a mailbox its answers are not sent" in warning
    assert not any("Send As" in one for one in _warnings({"RSVPQ_MODE": "observe"}))


def test_repeating_an_answer_before_exchange_has_given_up_the_first_is_warned_about(folder: Path) -> None:
    _with_ews(folder, 'settle = "119s"\n')
    _replace(folder / "rsvpq.toml", 'read_timeout = "60s"', 'read_timeout = "30s"')

    (warning,) = _warnings()
    assert "servers.hq1.settle: 119s: Exchange may go on for two minutes" in warning
    assert warning.endswith("write 2m or more")


def test_a_text_that_a_server_cannot_send_is_warned_about(folder: Path) -> None:
    with (folder / "rsvpq.toml").open("a") as file:
        file.write('\n[[policy.rules]]\nname = "all"\ndecision = "accept"\nanswer_text = "By a program."\n')

    (warning,) = _warnings()
    assert "policy.rules[0].answer_text: hq1 cannot send it" in warning
    _with_ews(folder)
    assert _warnings() == []


@pytest.mark.usefixtures("folder")
def test_observing_by_environment_is_warned_about_as_such() -> None:
    expected = "environment: RSVPQ_MODE: observe: nothing will be answered; write respond when you are ready"

    assert _warnings({"RSVPQ_MODE": "observe"}) == [expected]


def test_a_console_that_would_not_start_is_warned_about(folder: Path) -> None:
    with (folder / "rsvpq.toml").open("a") as file:
        file.write('[console]\nlogins_file = "secrets/logins"\n')
    assert f"{folder}/secrets/logins: file: cannot be read (No such file or directory)" in _warnings()[-1]
    logins = folder / "secrets" / "logins"
    logins.write_text("anna:operator:password\n")
    logins.chmod(0o600)
    assert _warnings()[-1].startswith(f"{logins}:1: login: what anna has after the role is not a hash")
    assert "(the console would not start)" in _warnings()[-1]
    logins.write_text(f"{cheap_login('anna', 'operator', SECRET)}\n")
    assert not [warning for warning in _warnings() if "console" in warning]


def test_a_missing_schedule_is_warned_about(folder: Path) -> None:
    _replace(folder / "rsvpq.toml", '[[schedule]]\nevery = "15m"\ngroup = "pilot"\n', "")

    assert _warnings() == [
        "rsvpq.toml:1: schedule: none: scans only run when triggered; add [[schedule]] for regular ones"
    ]


def test_a_time_zone_that_nothing_needs_is_warned_about(folder: Path) -> None:
    _replace(folder / "rsvpq.toml", 'group = "pilot"', 'group = "pilot"\ntimezone = "Europe/Vienna"')

    (warning,) = _warnings()
    assert "schedule[0].timezone: has no effect without cron or quiet" in warning


def test_a_schedule_of_all_mailboxes_is_shown_as_such(folder: Path) -> None:
    _replace(folder / "rsvpq.toml", 'group = "pilot"', "")

    assert "schedule   every 15m: all mailboxes" in report_lines(checked_config(None, {}))


def test_an_empty_list_of_mailboxes_is_warned_about(folder: Path) -> None:
    (folder / "mailboxes.csv").write_text("mailbox\n")
    _replace(folder / "rsvpq.toml", 'group = "pilot"', "")

    assert _warnings() == [f"{folder}/mailboxes.csv: mailbox: none is listed; write one in each row"]


@pytest.mark.parametrize(
    ("server", "who"),
    [("3/s", "frontdesk@example.com may take 4/s"), ("1/s", "adele@example.com and 3 more may take 2/s")],
)
def test_a_mailbox_faster_than_its_server_is_warned_about(folder: Path, server: str, who: str) -> None:
    assert _warnings({"RSVPQ_SERVERS__HQ1__RATE": server}) == [
        f"{folder}/mailboxes.csv: pace: {who}, more than the {server} of servers.hq1, "
        "which applies to all its mailboxes together; lower the one or raise the other"
    ]


def test_old_tls_is_warned_about(folder: Path) -> None:
    _replace(folder / "rsvpq.toml", 'tls_minimum = "1.2"', 'tls_minimum = "1.0"')

    (warning,) = _warnings()
    assert "servers.hq1.tls_minimum: 1.0 and its ciphers are insecure; update the server, and write 1.2" in warning


def test_a_secret_file_that_everybody_can_read_is_warned_about(folder: Path) -> None:
    secret = folder / "secrets" / "hq1"
    secret.chmod(0o644)

    assert _warnings() == [
        f"rsvpq.toml:27: servers.hq1.password_file: {secret} can be read by everybody; run chmod o-r on it",
    ]


def test_sentinels_that_cannot_lose_one_are_warned_about_and_so_is_their_open_password(folder: Path) -> None:
    secret = folder / "secrets" / "sentinels"
    _write_secret(secret)
    secret.chmod(0o644)
    redis = 'url = "redis://mymaster/0"\nsentinels = ["s1", "s2"]\nsentinel_password_file = "secrets/sentinels"'
    _replace(folder / "rsvpq.toml", 'url = "redis://127.0.0.1:6379/0"', redis)

    assert _warnings() == [
        "rsvpq.toml:11: redis.sentinels: 2: with the loss of a host no majority may be left, which a failover needs; "
        "run 3, and list all of them",
        f"rsvpq.toml:12: redis.sentinel_password_file: {secret} can be read by everybody; run chmod o-r on it",
    ]
    assert "redis      redis://mymaster/0 by the sentinels s1:26379, s2:26379, namespace rsvpq" in _check().output


def test_a_password_in_settings_that_everybody_can_read_is_warned_about(folder: Path) -> None:
    _replace(folder / "rsvpq.toml", '# password_file = "secrets/redis"', 'password = "x"')
    (folder / "rsvpq.toml").chmod(0o644)

    assert _warnings() == ["rsvpq.toml:11: redis.password: rsvpq.toml can be read by everybody; run chmod o-r on it"]


def test_a_password_from_the_environment_is_not_taken_for_one_in_the_file(folder: Path) -> None:
    (folder / "rsvpq.toml").chmod(0o644)

    assert _warnings({"RSVPQ_REDIS__PASSWORD": "x"}) == []


def test_no_output_shows_a_secret(folder: Path) -> None:
    _write_secret(folder / "secrets" / "redis")
    _replace(folder / "rsvpq.toml", '# password_file = "secrets/redis"', 'password_file = "secrets/redis"')
    good = _check()
    _replace(folder / "rsvpq.toml", "burst = 20", f'burst = 0\npassword = "{SECRET}"')
    bad = _check()

    assert (good.exit_code, bad.exit_code) == (0, 2)
    assert "horse" not in good.output + bad.output


def test_an_alias_on_a_server_with_exchange_web_services_is_a_problem(folder: Path) -> None:
    _replace(folder / "rsvpq.toml", 'protocol = "webdav"', 'protocol = "ews"')
    _replace(folder / "rsvpq.toml", 'answers = "owa"\n', "")
    assert _check().exit_code == 0
    _replace(folder / "mailboxes.csv", "cara@example.com", "cara")

    result = _check()

    assert (result.exit_code, result.stdout) == (2, "")
    expected = "is not an SMTP address, which protocol ews of server hq1 needs; write it as adele@example.com"
    assert result.stderr == f"{folder}/mailboxes.csv:8: mailbox: 'cara' {expected}\n"
