"""The breaker of a credential: refusals stop it before a directory would lock the account."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from rsvpq.http.credential import MOST_REFUSALS, Credential
from rsvpq.mail.errors import LOGIN_DELAY_S, LoginRefused


class _Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> _Clock:
    return _Clock()


def _refuse(credential: Credential, server: str = "") -> None:
    with credential.attempt("x", server=server) as attempt:
        credential.refused(attempt)


def _accept(credential: Credential, server: str = "") -> None:
    with credential.attempt("x", server=server) as attempt:
        credential.accepted(attempt)


def test_a_refused_credential_is_not_tried_again_before_its_delay_is_over(clock: _Clock) -> None:
    credential = Credential(clock)
    _refuse(credential)
    clock.now += LOGIN_DELAY_S - 1
    with pytest.raises(
        LoginRefused, match=r"not sent, because the login was refused; next attempt not before [0-9:]+ UTC"
    ):
        _accept(credential)
    clock.now += 1
    _accept(credential)


def test_what_another_server_has_refused_is_not_sent_and_says_which_has(clock: _Clock) -> None:
    credential = Credential(clock)
    _refuse(credential, "https://mail1.example.com")
    with pytest.raises(LoginRefused, match=r"not sent, because https://mail1.example.com refused the login; next"):
        _accept(credential, "https://mail2.example.com")


def test_the_third_refusal_in_a_row_stops_it_until_the_process_is_restarted(clock: _Clock) -> None:
    credential = Credential(clock)
    for _ in range(MOST_REFUSALS):
        _refuse(credential)
        clock.now += LOGIN_DELAY_S
    clock.now += 1e9
    with pytest.raises(LoginRefused, match="3 times in a row; correct them in the settings and restart"):
        _accept(credential)


def test_a_good_login_forgets_the_refusals_before_it(clock: _Clock) -> None:
    credential = Credential(clock)
    for _ in range(3 * MOST_REFUSALS):
        _refuse(credential)
        clock.now += LOGIN_DELAY_S
        _accept(credential)


def test_a_server_that_refuses_what_another_takes_stops_it_for_itself_alone(clock: _Clock) -> None:
    credential = Credential(clock)
    _accept(credential, "good")
    for _ in range(3 * MOST_REFUSALS):
        _refuse(credential, "broken")
        with pytest.raises(LoginRefused, match="not sent"):
            _refuse(credential, "broken")
        _accept(credential, "good")
        clock.now += LOGIN_DELAY_S


def test_a_server_that_refuses_it_again_and_again_while_nobody_else_is_asked_stops_nobody_else(clock: _Clock) -> None:
    credential = Credential(clock)
    _accept(credential, "good")
    for _ in range(3 * MOST_REFUSALS):
        _refuse(credential, "broken")
        clock.now += LOGIN_DELAY_S
    _accept(credential, "good")


def test_a_second_server_that_refuses_it_stops_it_everywhere(clock: _Clock) -> None:
    credential = Credential(clock)
    for server in ("one", "two", "three"):
        _accept(credential, server)
    _refuse(credential, "one")
    _refuse(credential, "two")
    for server in ("one", "two", "three"):
        with pytest.raises(LoginRefused, match="not sent"):
            _accept(credential, server)


def test_requests_that_were_under_way_together_count_as_one_refusal(clock: _Clock) -> None:
    credential = Credential(clock)
    _accept(credential)
    with credential.attempt("a") as a, credential.attempt("b") as b, credential.attempt("c") as c:
        assert [credential.refused(attempt) for attempt in (a, b, c)] == [True, True, True]
    clock.now += LOGIN_DELAY_S
    _accept(credential)


def test_an_answer_from_before_a_refusal_does_not_make_the_credential_good(clock: _Clock) -> None:
    credential = Credential(clock)
    _accept(credential)
    with credential.attempt("slow") as slow:
        _refuse(credential)
        credential.accepted(slow)
    with pytest.raises(LoginRefused):
        _accept(credential)


def test_a_credential_that_is_good_elsewhere_is_not_stopped(clock: _Clock) -> None:
    credential = Credential(clock)
    _accept(credential)
    with credential.attempt("x") as attempt:
        assert not credential.refused(attempt, still_good=lambda: True)
    _accept(credential)


def test_whether_it_is_still_good_is_asked_once_for_all_that_were_refused_together(clock: _Clock) -> None:
    credential = Credential(clock)
    _accept(credential)
    asked = []

    def still_good() -> bool:
        asked.append(True)
        return False

    with credential.attempt("a") as a, credential.attempt("b") as b:
        assert credential.refused(a, still_good)
        assert credential.refused(b, still_good)
    assert len(asked) == 1


def test_until_it_is_known_to_be_good_one_thread_shows_it_at_a_time() -> None:
    credential = Credential()
    most, under_way, guard = 0, 0, threading.Lock()
    barrier = threading.Barrier(16)

    def refused_once() -> bool:
        nonlocal most, under_way
        barrier.wait()
        try:
            with credential.attempt("x") as attempt:
                with guard:
                    under_way += 1
                    most = max(most, under_way)
                credential.refused(attempt)
                return True
        except LoginRefused:
            return False

    with ThreadPoolExecutor(16) as pool:
        shown = [future.result() for future in [pool.submit(refused_once) for _ in range(16)]]
    assert (sum(shown), most) == (1, 1)


def test_once_it_is_known_to_be_good_nobody_waits() -> None:
    credential = Credential()
    _accept(credential)
    barrier = threading.Barrier(16)

    def use() -> None:
        with credential.attempt("x") as attempt:
            barrier.wait()
            credential.accepted(attempt)

    with ThreadPoolExecutor(16) as pool:
        for future in [pool.submit(use) for _ in range(16)]:
            future.result()
