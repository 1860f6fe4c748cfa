"""The parts of the console that need no server: readings that are shared, the lag over time, pages of a list."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from zoneinfo import ZoneInfo

import pytest
from lxml import html

from rsvpq.console.lag import KEPT_MINUTES, LagHistory, chart, small_drawing, top_of
from rsvpq.console.page import link
from rsvpq.console.reading_pages import ROWS_SHOWN, PageOfRows
from rsvpq.console.shared import SharedReading
from rsvpq.report.calendar import Calendar
from testbed.processes import WAIT_S

T0 = 1_790_000_040.0  # a whole minute


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as threads:
        yield threads


class Question:
    """Returns how often it was asked; each answer waits until it is let go."""

    def __init__(self) -> None:
        self.asked, self.go = 0, threading.Semaphore(0)

    def __call__(self) -> int:
        self.asked += 1
        answer = self.asked
        assert self.go.acquire(timeout=WAIT_S)
        return answer


async def has(fact: Callable[[], bool]) -> None:
    """Let the loop go on until something has happened."""
    async with asyncio.timeout(WAIT_S):
        while not fact():
            await asyncio.sleep(0)


def test_all_who_ask_at_the_same_time_share_one_reading(pool: ThreadPoolExecutor) -> None:
    async def ask() -> list[int]:
        question = Question()
        shared = SharedReading(question, 60, pool)
        asked = [asyncio.create_task(shared.get()) for _ in range(20)]
        await has(lambda: question.asked > 0)
        question.go.release()
        seen = [*await asyncio.gather(*asked), await shared.get()]
        return [one.value for one in seen]

    assert asyncio.run(ask()) == [1] * 21


def test_after_an_action_nobody_gets_what_was_read_before_it(pool: ThreadPoolExecutor) -> None:
    async def ask() -> tuple[int, int, int]:
        question = Question()
        shared = SharedReading(question, 60, pool)
        before = asyncio.create_task(shared.get())
        await has(lambda: question.asked == 1)
        shared.forget()
        after = asyncio.create_task(shared.get())
        await has(lambda: question.asked == 2)
        question.go.release(2)
        return (await before).value, (await after).value, (await shared.get()).value

    assert asyncio.run(ask()) == (1, 2, 2)


def test_an_error_is_everybodys_and_no_older_value_is_shown(pool: ThreadPoolExecutor) -> None:
    answers: Iterator[int | None] = iter([1, None, 3])

    def read() -> int:
        value = next(answers)
        if value is None:
            raise ConnectionError("away")
        return value

    async def ask() -> list[object]:
        shared = SharedReading(read, 0, pool)
        first = (await shared.get()).value
        both = await asyncio.gather(shared.get(), shared.get(), return_exceptions=True)
        return [first, *map(str, both), (await shared.get()).value]

    assert asyncio.run(ask()) == [1, "away", "away", 3]


def test_a_client_that_goes_away_does_not_end_the_reading_of_another(pool: ThreadPoolExecutor) -> None:
    async def ask() -> int:
        question = Question()
        shared = SharedReading(question, 60, pool)
        gone, stays = asyncio.create_task(shared.get()), asyncio.create_task(shared.get())
        await has(lambda: question.asked == 1)
        gone.cancel()
        question.go.release()
        return (await stays).value

    assert asyncio.run(ask()) == 1


def test_a_minute_has_its_greatest_lag_and_one_without_a_sample_is_not_zero() -> None:
    history = LagHistory()
    for at_s, lag in ((T0, 30.0), (T0 + 20, 90.0), (T0 + 40, None), (T0 + 120, None)):
        history.add(at_s, {"mail1": lag, "mail2": 1.0})
    assert history.of("mail1", T0 + 120, 4) == [None, 90.0, None, 0.0]
    assert history.of("mail3", T0, 1) == [None]
    assert history.worst(T0 + 120, 4) == [None, 90.0, None, 1.0]


def test_a_chart_shows_an_hour_or_all_that_is_known() -> None:
    history = LagHistory()
    assert history.span(T0) == 60
    for minute, expected in (
        (0, 60),
        (59, 60),
        (60, 120),
        (120, 180),
        (180, KEPT_MINUTES),
        (KEPT_MINUTES, KEPT_MINUTES),
    ):
        history.add(T0 + 60 * minute, {})
        assert history.span(T0 + 60 * minute) == expected


def test_old_minutes_are_forgotten() -> None:
    history = LagHistory()
    for minute in range(2 * KEPT_MINUTES):
        history.add(T0 + 60 * minute, {"mail1": float(minute)})
    end = T0 + 60 * (2 * KEPT_MINUTES - 1)
    kept = history.of("mail1", end, 2 * KEPT_MINUTES)
    assert kept.count(None) == KEPT_MINUTES
    assert kept[-1] == 2 * KEPT_MINUTES - 1


def test_a_drawing_shows_gaps_zeros_and_small_lags_differently() -> None:
    drawing = html.fragment_fromstring(small_drawing("<mail>", [None, None, 0.0, 1.0, 14400.0], 14400.0))
    bars = [(rect.get("class"), rect.get("x"), rect.get("width"), float(rect.get("height"))) for rect in drawing[1:]]
    assert bars == [("gap", "0", "2", 20.0), (None, "3", "1", 0.4), (None, "4", "1", 20.0)]
    assert drawing[0].text == (
        "lag of <mail> in the last 5 minutes: at most 4 h, 4 h in the last minute; 2 minutes without a sample"
    )


def test_a_chart_says_what_is_not_known_and_has_no_inline_style() -> None:
    figure = html.fragment_fromstring(chart("Lag", [None] * 5, T0, Calendar(ZoneInfo("UTC"))))
    assert "not known yet" in str(figure.text_content())
    assert not figure.xpath("//@style")


def test_the_scale_is_a_round_time_that_no_lag_exceeds() -> None:
    assert (top_of([]), top_of([None, 0.0]), top_of([61.0]), top_of([4e6])) == (60.0, 60.0, 240.0, 4e6)


@pytest.mark.parametrize(
    ("number", "page", "first"),
    [("", 1, 0), ("1", 1, 0), ("3", 3, 100), ("99", 3, 100), ("0", 1, 0), ("-1", 1, 0), ("x", 1, 0), ("9" * 40, 1, 0)],
)
def test_a_page_that_is_not_there_is_the_first_or_the_last(number: str, page: int, first: int) -> None:
    found = PageOfRows.of(range(2 * ROWS_SHOWN + 7), number)
    assert (found.number, found.first, found.rows[0]) == (page, first, first)
    assert (found.before is None, found.after is None) == (page == 1, page == 3)


def test_an_empty_list_has_one_empty_page() -> None:
    found = PageOfRows.of([], "7")
    assert (found.number, list(found.rows), found.before, found.after) == (1, [], None, None)


def test_a_link_has_what_is_given_and_escapes_it() -> None:
    assert link("/dead") == "/dead"
    assert link("/dead", server="", reason="a&b=c", all=1) == "/dead?reason=a%26b%3Dc&all=1"
