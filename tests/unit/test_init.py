"""``rsvpq init``: the files that it writes are right, safe and never replace others."""

import json
import os
import re
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from rsvpq.cli import commands
from rsvpq.ops import InvalidRequest
from rsvpq.ops.first_files import NewInstallation, list_of, write_files
from rsvpq.settings import load_settings
from rsvpq.settings.logins import read_logins
from tests.support.file_limit import files_of_at_most

ROOT = Path(__file__).parents[2]
SECRET = "correct horse"
LOGINS = ("secrets/flower_login", "secrets/console_logins")
GIVEN = ("--protocol", "webdav", "--username", r"EXAMPLE\svc", "--no-probe")
URL = "https://mail.example.com"


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """Where the files are to be written, beside a file with the password."""
    (tmp_path / "password").write_text(f"{SECRET}\n")
    return tmp_path / "etc"


def init(target: Path, *more: str, given: str | None = None, script: bool = True, url: str = URL) -> Result:
    """Run ``rsvpq init`` without a look at any server."""
    options = ("--directory", str(target), "--url", url, *GIVEN)
    secret = ("--non-interactive", "--password-file", str(target.with_name("password"))) if script else ()
    return CliRunner().invoke(commands, ["init", *options, *secret, *more], input=given)


def files(target: Path) -> set[str]:
    """The files that are there."""
    return {str(path.relative_to(target)) for path in target.rglob("*") if path.is_file()}


def test_the_files_pass_the_check_and_only_observe(target: Path) -> None:
    ended = init(target, "--mailbox", "adele@example.com", "--mailbox", "bruno@example.com")
    assert ended.exit_code == 0
    warnings = [line.partition(":")[0] for line in ended.stderr.splitlines()]
    assert warnings == ["schedule", "mode"]
    checked = CliRunner().invoke(commands, ["config", "check", "--config", str(target / "rsvpq.toml")])
    assert (checked.exit_code, checked.stderr) == (0, "")
    assert "mode       observe: nothing is answered" in checked.stdout
    settings = load_settings(target / "rsvpq.toml", {})
    assert settings.policy.internal_domains == ("example.com",)
    assert not settings.policy.confirmed
    assert settings.servers["hq1"].password.get_secret_value() == SECRET
    assert settings.servers["hq1"].username == r"EXAMPLE\svc"


def test_the_document_names_the_files_and_no_secret(target: Path) -> None:
    ended = init(target, "--mailbox", "adele", "--json", "--no-units")
    document = json.loads(ended.stdout)
    assert document["files"] == [f"{target}/{name}" for name in ("mailboxes.csv", "rsvpq.toml", "secrets/hq1_password")]
    assert document["action"] == "init"
    assert SECRET not in ended.stdout


def test_secrets_are_for_their_owner_alone_and_in_no_other_file(target: Path) -> None:
    (target.with_name("redis")).write_text("another secret")
    init(target, "--mailbox", "adele", "--redis-password-file", str(target.with_name("redis")))
    modes = {path: stat.S_IMODE((target / path).stat().st_mode) for path in files(target)}
    secrets = {path for path in modes if path.startswith("secrets/")}
    assert secrets == {"secrets/hq1_password", "secrets/redis_password", *LOGINS}
    assert {modes[path] for path in secrets} == {0o600}
    assert {modes[path] for path in modes.keys() - secrets} == {0o644}
    assert stat.S_IMODE((target / "secrets").stat().st_mode) == 0o700
    texts = "".join((target / path).read_text() for path in modes.keys() - secrets)
    assert SECRET not in texts
    assert "another secret" not in texts
    login = re.fullmatch(r"operator:([0-9a-f]{32})\n", (target / "secrets/flower_login").read_text())
    assert login
    console = read_logins(target / "secrets/console_logins")["operator"]
    assert (console.role, console.hash.matches(login[1])) == ("operator", True)


def test_what_is_there_is_replaced_only_by_force(target: Path) -> None:
    assert init(target, "--mailbox", "adele").exit_code == 0
    before = {path: (target / path).read_text() for path in files(target)}
    again = init(target, "--mailbox", "bruno")
    assert again.exit_code == 1
    assert f"{target}/mailboxes.csv" in again.stderr
    assert "--force" in again.stderr
    assert {path: (target / path).read_text() for path in files(target)} == before
    assert init(target, "--mailbox", "bruno", "--force").exit_code == 0
    assert "bruno" in (target / "mailboxes.csv").read_text()
    assert files(target) == before.keys()


def test_the_modes_do_not_depend_on_the_umask(target: Path) -> None:
    before = os.umask(0o077)
    try:
        write_files({target / "open": ("x", 0o644), target / "secrets/one": ("x", 0o600)})
    finally:
        os.umask(before)
    assert [stat.S_IMODE((target / name).stat().st_mode) for name in ("open", "secrets/one")] == [0o644, 0o600]


def test_a_file_that_appears_meanwhile_is_not_replaced(target: Path) -> None:
    target.mkdir()
    (target / "file").write_text("theirs")
    with pytest.raises(InvalidRequest, match="is there already"):
        write_files({target / "file": ("ours", 0o644)})
    assert [path.name for path in target.iterdir()] == ["file"]
    assert (target / "file").read_text() == "theirs"


def test_nothing_is_left_if_one_of_the_files_cannot_be_written(target: Path) -> None:
    wanted = {target / "first": ("short", 0o644), target / "second": ("x" * 200, 0o644)}
    with files_of_at_most(100), pytest.raises(InvalidRequest, match=r"second cannot be .* too large\); make room"):
        write_files(wanted)
    assert files(target) == set()
    write_files(wanted)
    assert files(target) == {"first", "second"}


def test_a_folder_that_cannot_be_made_is_named_with_its_remedy() -> None:
    with pytest.raises(InvalidRequest, match=r"cannot be written \(No such file or directory\); choose another folder"):
        write_files({Path("/proc/rsvpq") / "rsvpq.toml": ("x", 0o644)})


def test_wrong_answers_are_named_and_nothing_is_written(target: Path) -> None:
    wrong = init(target, "--mailbox", "adele", "--no-units", url="http://mail.example.com")
    assert wrong.exit_code == 2 or wrong.exception is not None
    assert f"{target}/rsvpq.toml" in str(wrong.exception)
    assert "use https, or set allow_http = true" in str(wrong.exception)
    assert not target.exists()
    assert init(target, "--mailbox", "adele", "--server", "../x").exit_code == 2
    assert not target.exists()


def test_a_script_gets_a_list_of_everything_that_is_missing(target: Path) -> None:
    options = ("--directory", str(target), "--non-interactive", "--no-probe")
    ended = CliRunner().invoke(commands, ["init", *options])
    assert ended.exit_code == 2
    assert "give --protocol, --url, --username, --password-file, --mailbox" in ended.stderr
    assert not target.exists()


def test_a_person_is_asked_for_what_no_option_says(target: Path) -> None:
    answers = "\n".join([SECRET, "basic", "", "adele@corp.example", "", "", "corp.example, corp.test", ""])
    ended = init(target, given=answers, script=False)
    assert (ended.exit_code, SECRET in ended.stdout) == (0, False), ended.output
    settings = load_settings(target / "rsvpq.toml", {})
    assert settings.servers["hq1"].password.get_secret_value() == SECRET
    assert settings.policy.internal_domains == ("corp.example", "corp.test")
    assert settings.redis.password is None


def test_a_wrong_answer_is_asked_for_again_at_once(target: Path) -> None:
    answers = [
        *("ews", "http://mail.example.com", "https://mail.example.com", "svc", SECRET, "kerberos", "basic"),
        *("nowhere.csv", "", "adele", "adele@corp.example", "http://127.0.0.1", "redis://127.0.0.1:6379/0", "", ""),
    ]
    options = ("--directory", str(target), "--no-probe", "--no-units")
    ended = CliRunner().invoke(commands, ["init", *options], input="\n".join([*answers, ""]))
    assert ended.exit_code == 0, ended.output
    asked = [line for line in ended.output.splitlines() if line.startswith("Error: ")]
    for error, said in zip(asked, ("unencrypted", "kerberos", "nowhere.csv", "SMTP address", "redis"), strict=True):
        assert said in error
    settings = load_settings(target / "rsvpq.toml", {})
    assert (settings.servers["hq1"].protocol, settings.servers["hq1"].auth) == ("ews", "basic")
    assert (target / "mailboxes.csv").read_text().splitlines()[1:] == ["adele@corp.example,hq1,pilot"]


def test_a_wrong_option_is_refused_before_anything_is_asked(target: Path) -> None:
    ended = init(target, script=False, url="http://mail.example.com", given="")
    assert ended.exit_code == 2
    assert "--url: sends the password unencrypted; use https" in ended.stderr
    assert "password:" not in ended.output


def test_a_list_is_taken_as_it_is(target: Path) -> None:
    list_file = target.with_name("ours.csv")
    list_file.write_text("# Ours.\nmailbox,group\nadele@example.com,sales\n")
    assert init(target, "--list", str(list_file)).exit_code == 0
    assert (target / "mailboxes.csv").read_text() == list_file.read_text()


def new(directory: str, name: str = "hq1", *, with_password: bool = True) -> NewInstallation:
    """An installation."""
    return NewInstallation(
        *(Path(directory), name, "webdav", "https://mail.example.com", "svc", SECRET, list_of(["adele"], name)),
        redis_password=SECRET if with_password else "",
    )


def test_the_units_are_those_that_are_shipped() -> None:
    shipped = {path.name: path.read_text() for path in (ROOT / "deploy/systemd").iterdir()}
    written = new("/etc/rsvpq").unit_files(Path("/units"), Path("/opt/rsvpq"))
    assert {path.name: text for path, (text, _) in written.items() if path.parent == Path("/units")} == shipped


def test_the_units_have_the_paths_and_the_secrets_of_the_installation() -> None:
    written = new("/srv/mail", "branch-2", with_password=False).unit_files(Path("/units"), Path("/srv/venv"))
    text = written[Path("/units/rsvpq-answer@.service")][0]
    assert "LoadCredential=branch-2_password:/srv/mail/secrets/branch-2_password\n" in text
    assert "RSVPQ_SERVERS__BRANCH_2__PASSWORD_FILE=%d/branch-2_password" in text
    assert "ExecStart=/srv/venv/bin/celery" in text
    beside = new("/opt/rsvpq/etc").unit_files(Path("/units"), Path("/srv/venv"))[Path("/units/rsvpq-scan@.service")][0]
    assert "RSVPQ_CONFIG=/opt/rsvpq/etc/rsvpq.toml " in beside, "not a path below the programs"
    assert not re.search("redis_password|hq1|/etc/rsvpq|/opt/rsvpq", "".join(text for text, _ in written.values()))
