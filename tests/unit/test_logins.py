"""The logins of the console: the file, its lines, the command that makes them, and who is let in."""

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from rsvpq.cli.console import console
from rsvpq.console.clients import client_address
from rsvpq.console.sessions import MOST_ATTEMPTS, MOST_ATTEMPTS_OF_ADDRESS, REFUSED_S, Attempts, Sessions
from rsvpq.settings import ConfigError
from rsvpq.settings.logins import ConsoleLogin, LoginFile, PasswordHash, make_login, read_logins
from tests.support.running_console import cheap_login

PASSWORD = "correct horse battery"


class Watch:
    """A clock that a test turns."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def write(file: Path, *lines: object) -> Path:
    file.write_text("".join(f"{line}\n" for line in lines))
    file.chmod(0o600)
    return file


def problems(file: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read_logins(file)
    return [line.removeprefix(str(file)) for line in str(caught.value).splitlines()]


def test_a_line_of_the_command_is_a_login_and_holds_no_password(tmp_path: Path) -> None:
    made = CliRunner().invoke(console, ["password", "anna", "--role", "operator"], input=f"{PASSWORD}\n")
    assert (made.exit_code, PASSWORD in made.output) == (0, False)
    (login,) = read_logins(write(tmp_path / "logins", made.stdout.strip())).values()
    assert (login.name, login.role) == ("anna", "operator")
    assert login.hash.matches(PASSWORD)
    assert not login.hash.matches(PASSWORD.upper())
    assert not login.hash.matches("")


@pytest.mark.parametrize(
    ("arguments", "given", "complaint"),
    [
        (["anna", "--role", "operator"], "short", "the password has 5 characters; take 12 or more"),
        (["anna", "--role", "operator"], "x" * 1001, "the password has 1001 characters; take at most 1000"),
        (["an:na", "--role", "viewer"], PASSWORD, "the name is not one of up to 64 letters"),
        (["anna", "--role", "root"], PASSWORD, "'root' is not one of 'viewer', 'operator'"),
        (["anna"], PASSWORD, "Missing option '--role'"),
    ],
)
def test_the_command_says_what_to_change(arguments: list[str], given: str, complaint: str) -> None:
    made = CliRunner().invoke(console, ["password", *arguments], input=given)
    assert made.exit_code != 0
    assert complaint in made.output
    assert given not in made.output


def test_two_hashes_of_one_password_differ() -> None:
    assert str(PasswordHash.of(PASSWORD)) != str(PasswordHash.of(PASSWORD))


def test_blank_lines_and_comments_do_not_count(tmp_path: Path) -> None:
    anna, bob = cheap_login("anna", "operator", PASSWORD), cheap_login("bob", "viewer", PASSWORD)
    file = write(tmp_path / "logins", "# of the night shift", "", anna, f"  {bob}  ")
    assert read_logins(file) == {"anna": anna, "bob": bob}


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("anna", "is not NAME:ROLE:HASH; make the line with: rsvpq console password NAME --role operator"),
        (f"anna:operator:{PASSWORD}", "what anna has after the role is not a hash; make the line with"),
        ("anna:operater:x", "the role of anna is not a known one; did you mean operator?"),
        ("-a:operator:x", ["the name is not one of up to 64 letters", " digits"][0]),
        ("anna:viewer:scrypt$30$8$1$AAAAAAAAAAAAAAAAAAAAAA==$AAAAAAAAAAAAAAAAAAAAAA==", "is a damaged hash"),
        ("anna:viewer:scrypt$14$8$5$AAAAAAAAAAAAAAAAAAAAAA==$AAAAAAAAAAAAAAAAAAAAAA==", "is a damaged hash"),
        ("anna:viewer:scrypt$14$8$5$AAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA==", "is a damaged hash"),
    ],
)
def test_a_wrong_line_is_named_and_not_shown(tmp_path: Path, line: str, complaint: str) -> None:
    (problem,) = problems(write(tmp_path / "logins", "", line))
    assert problem.startswith(":2: login: ")
    assert complaint in problem
    assert PASSWORD not in problem


def test_a_file_that_cannot_be_used_is_one_problem(tmp_path: Path) -> None:
    anna = cheap_login("anna", "operator", PASSWORD)
    assert "anna has a line already" in problems(write(tmp_path / "twice", anna, anna))[0]
    assert "there is no login in it" in problems(write(tmp_path / "empty", "# nobody"))[0]
    assert "cannot be read" in problems(tmp_path / "none")[0]
    open_file = write(tmp_path / "open", anna)
    open_file.chmod(0o604)
    assert "everybody on this machine can read or change it; run chmod o-rw on it" in problems(open_file)[0]


def test_a_changed_file_is_read_again_and_one_that_is_wrong_lets_nobody_in(tmp_path: Path) -> None:
    anna, other = cheap_login("anna", "operator", PASSWORD), cheap_login("anna", "viewer", PASSWORD)
    file = write(tmp_path / "logins", anna)
    logins = LoginFile(file)
    assert (logins.find("anna"), logins.find("bob")) == (anna, None)
    replace(file, other)
    assert logins.find("anna") == other
    replace(file, "damaged")
    assert logins.find("anna") is None
    replace(file, anna)
    assert logins.find("anna") == anna
    file.unlink()
    assert logins.find("anna") is None


def replace(file: Path, line: object) -> None:
    """Write a file anew, as editors do: under another inode."""
    os.replace(write(file.with_suffix(".new"), line), file)  # noqa: PTH105 - the same as Path.replace


def test_a_session_ends_by_its_time_by_logging_out_and_with_its_line_in_the_file(tmp_path: Path) -> None:
    anna = cheap_login("anna", "operator", PASSWORD)
    file, watch = write(tmp_path / "logins", anna), Watch()
    sessions = Sessions(LoginFile(file), lasts_s=60, clock=watch)
    first, second, third = (sessions.begin(anna) for _ in range(3))
    found = sessions.find(first)
    assert found is not None
    assert found.login == anna
    assert sessions.find("made up") is None
    sessions.end(first)
    assert sessions.find(first) is None
    replace(file, cheap_login("anna", "operator", "another password"))
    assert sessions.find(second) is None
    replace(file, anna)
    assert sessions.find(second) is None, "a session that has ended does not come back"
    assert sessions.find(third) is not None
    watch.now = 61
    assert sessions.find(third) is None


def test_a_name_is_refused_after_too_many_attempts_and_a_right_password_forgets_them() -> None:
    watch = Watch()
    attempts = Attempts(watch)
    assert all(attempts.begin("anna", f"10.0.0.{number}") for number in range(MOST_ATTEMPTS))
    assert not attempts.begin("anna", "10.0.1.1")
    assert attempts.begin("bob", "10.0.1.1")
    watch.now = REFUSED_S + 1
    assert attempts.begin("anna", "10.0.1.1")
    attempts.succeeded("anna", "10.0.1.1")
    assert all(attempts.begin("anna", f"10.0.2.{number}") for number in range(MOST_ATTEMPTS))


def test_an_address_is_refused_after_too_many_attempts_with_any_names() -> None:
    attempts = Attempts(Watch())
    assert all(attempts.begin(f"name{number}", "10.0.0.1") for number in range(MOST_ATTEMPTS_OF_ADDRESS))
    assert not attempts.begin("another", "10.0.0.1")
    assert attempts.begin("another", "10.0.0.2")


def test_whoever_has_a_network_of_ipv6_has_one_address() -> None:
    attempts = Attempts(Watch())
    assert all(attempts.begin(f"name{number}", f"2001:db8::{number:x}") for number in range(MOST_ATTEMPTS_OF_ADDRESS))
    assert not attempts.begin("another", "2001:db8:0:0:ffff::1")
    assert attempts.begin("another", "2001:db8:0:1::1")


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", "192.0.2.1,  198.51.100.1 ", "198.51.100.1"),
        ("127.0.0.1", "192.0.2.1, 10.0.0.7", "192.0.2.1"),
        ("127.0.0.1", "127.0.0.1, 10.0.0.7", "127.0.0.1"),
        ("192.0.2.9", "198.51.100.1", "192.0.2.9"),
        ("::1", "2001:db8::1", "2001:db8::1"),
        ("::ffff:127.0.0.1", "::ffff:198.51.100.1", "198.51.100.1"),
        ("127.0.0.1", "198.51.100.1, unknown", "127.0.0.1"),
        ("127.0.0.1", "198.51.100.1,", "127.0.0.1"),
        ("127.0.0.1", "198.51.100.1:4711", "127.0.0.1"),
        ("", "198.51.100.1", ""),
    ],
)
def test_the_address_of_a_client_is_what_the_last_trusted_proxy_has_seen(
    peer: str, forwarded: str, client: str
) -> None:
    assert client_address(peer, forwarded, ("127.0.0.0/8", "::1/128", "10.0.0.0/8")) == client


def test_right_passwords_do_not_count_against_an_address() -> None:
    attempts = Attempts(Watch())
    for _ in range(2 * MOST_ATTEMPTS_OF_ADDRESS):
        assert attempts.begin("anna", "10.0.0.1")
        attempts.succeeded("anna", "10.0.0.1")


def test_the_default_costs_are_what_the_documentation_says() -> None:
    login: ConsoleLogin = make_login("anna", "operator", PASSWORD)
    assert str(login).startswith("anna:operator:scrypt$14$8$5$")
