"""Sessions and accounts of the simulator, with a clock that the test turns."""

import pytest

from simulator.serving.auth.accounts import Accounts
from simulator.serving.auth.dialects import ISA
from simulator.serving.auth.sessions import OVERLAP_S, Sessions


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_session_lives_as_long_as_it_is_used(clock: Clock) -> None:
    sessions = Sessions(idle_s=10, clock=clock)
    session, token = sessions.begin()
    for _ in range(5):
        clock.now += 9
        assert sessions.use(session.id, token) is session
        assert sessions.use_token(token) is session
    clock.now += 11
    assert sessions.use(session.id, token) is None
    clock.now -= 11
    assert sessions.use_token(token) is None


def test_an_old_token_ends_a_while_after_the_new_one_was_given_out(clock: Clock) -> None:
    sessions = Sessions(idle_s=1000, reissue_every=2, clock=clock)
    session, old = sessions.begin()
    sessions.use(session.id, old)
    assert sessions.renewed(session) is None
    sessions.use(session.id, old)
    new = sessions.renewed(session)
    assert new is not None
    assert new != old
    clock.now += OVERLAP_S
    assert sessions.use(session.id, old) is session
    clock.now += 1
    assert sessions.use(session.id, old) is None
    assert sessions.use(session.id, new) is session


def test_a_lock_holds_against_the_right_password_and_only_for_accounts_that_exist() -> None:
    accounts = Accounts("CORP\\one", "right", lockout=2)
    for user in ("CORP\\one", "corp\\ONE", "CORP\\nobody", "CORP\\nobody", "CORP\\nobody"):
        assert not accounts.allow(user, "wrong")
    assert not accounts.allow("CORP\\one", "right")
    assert (accounts.good, accounts.bad, accounts.locked_out) == (0, 6, ["CORP\\one"])


def test_nothing_locks_unless_asked_for() -> None:
    accounts = Accounts("one", "right")
    assert not any(accounts.allow("one", "wrong") for _ in range(50))
    assert accounts.allow("one", "right")
    assert accounts.locked_out == []


def test_isa_server_escapes_with_z() -> None:
    url = ISA.page_url("https://mail", "/exchange/Zoë", 0)
    assert url == "https://mail/CookieAuth.dll?GetLogon?curl=Z2FexchangeZ2FZ5AoZC3ZAB&reason=0"
