"""Counts work instead of timing it: the same on every machine, however busy."""

import gc
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from re import _constants as ops  # type: ignore[attr-defined]  # the parser of `re`: what a pattern consists of
from re import _parser  # type: ignore[attr-defined]
from types import FrameType
from typing import Any

#: Goes on at a position; whether all that follows matches there.
Then = Callable[[int], bool]
Matcher = Callable[[int, Then], bool]

_CLASSES = {
    ops.CATEGORY_SPACE: r"\s",
    ops.CATEGORY_NOT_SPACE: r"\S",
    ops.CATEGORY_DIGIT: r"\d",
    ops.CATEGORY_WORD: r"\w",
}


def calls_of(act: Callable[[], object]) -> int:
    """Return how many functions a call calls, including those of C; no garbage is collected meanwhile."""
    count = 0

    def note(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    gc.disable()  # whose finalizers would be counted, whenever they happen to run
    sys.setprofile(note)
    try:
        act()
    finally:
        sys.setprofile(None)
        gc.enable()
    return count


def opcodes_of(act: Callable[[], object]) -> int:
    """Return how many Python instructions a call runs; loops count even if they call nothing."""
    count = 0

    def note(frame: FrameType, event: str, _argument: object) -> Any:
        nonlocal count
        frame.f_trace_opcodes = True
        count += event == "opcode"
        return note

    before = sys.gettrace()
    sys.settrace(note)
    try:
        act()
    finally:
        sys.settrace(before)
    return count


def search_steps(pattern: re.Pattern[Any], text: str | bytes) -> int:
    """Return how many characters a backtracking search examines, up to the first match or the end."""
    walk = _Walk(pattern, text)
    start = 0
    while start <= len(text) and not walk.matches(start):
        start += 1
    return walk.steps


def match_steps(pattern: re.Pattern[Any], text: str | bytes, *, whole: bool = False) -> int:
    """Return the same for a match at the start, or of the whole text."""
    walk = _Walk(pattern, text)
    walk.matches(0, whole=whole)
    return walk.steps


class _Walk:
    """One text walked by one pattern as ``re`` does it, without its short cuts; a part of a new kind is an error."""

    def __init__(self, pattern: re.Pattern[Any], text: str | bytes) -> None:
        self.steps = 0
        self._flags = pattern.flags
        self._text = [ord(c) for c in text] if isinstance(text, str) else list(text)
        self._ascii = re.ASCII if isinstance(text, bytes) else re.NOFLAG
        self._whole = self._sequence(_parser.parse(pattern.pattern, pattern.flags))

    def matches(self, start: int, *, whole: bool = False) -> bool:
        """Return whether there is a match that starts here."""
        return self._whole(start, lambda at: not whole or at == len(self._text))

    def _sequence(self, parts: Iterable[tuple[Any, Any]]) -> Matcher:
        matchers = [self._part(op, argument) for op, argument in parts]

        def match(at: int, then: Then) -> bool:
            return _chain(matchers, 0, at, then)

        return match

    def _part(self, op: Any, argument: Any) -> Matcher:  # noqa: PLR0911 - one for each kind of part
        if op in {ops.LITERAL, ops.NOT_LITERAL, ops.ANY, ops.IN}:
            return self._single(op, argument)
        if op in {ops.MAX_REPEAT, ops.MIN_REPEAT, ops.POSSESSIVE_REPEAT}:
            return self._repeat(op, *argument)
        if op is ops.SUBPATTERN:
            return self._sequence(argument[3])
        if op is ops.BRANCH:
            return self._branch([self._sequence(branch) for branch in argument[1]])
        if op is ops.ATOMIC_GROUP:
            return self._atomic(self._sequence(argument))
        if op in {ops.ASSERT, ops.ASSERT_NOT}:
            return self._look(op, *argument)
        if op is ops.AT:
            return self._place(argument)
        raise NotImplementedError(f"{op} of a pattern")

    def _holds(self, op: Any, argument: Any) -> Callable[[int], bool]:
        """Return whether a character is one of those that are meant."""
        if op is ops.ANY:
            return lambda code: bool(self._flags & re.DOTALL) or code != ord("\n")
        if op in {ops.LITERAL, ops.NOT_LITERAL}:
            same = self._fold(argument)
            return lambda code: (self._fold(code) == same) is (op is ops.LITERAL)
        if op is ops.RANGE:
            low, high = argument
            return lambda code: low <= code <= high or (low <= self._fold(code) <= high)
        if op is ops.CATEGORY:
            category = re.compile(_CLASSES[argument], self._ascii | (self._flags & re.ASCII))
            return lambda code: category.match(chr(code)) is not None
        negated = argument[0][0] is ops.NEGATE
        members = [self._holds(*member) for member in argument[negated:]]
        return lambda code: any(holds(code) for holds in members) is not negated

    def _fold(self, code: int) -> int:
        return ord(chr(code).lower()) if self._flags & re.IGNORECASE and chr(code).isascii() else code

    def _reads(self, holds: Callable[[int], bool], at: int) -> bool:
        self.steps += 1
        return at < len(self._text) and holds(self._text[at])

    def _single(self, op: Any, argument: Any) -> Matcher:
        holds = self._holds(op, argument)
        return lambda at, then: self._reads(holds, at) and then(at + 1)

    def _repeat(self, op: Any, least: int, most: int, parts: Sequence[tuple[Any, Any]]) -> Matcher:
        if len(parts) == 1 and parts[0][0] in {ops.LITERAL, ops.NOT_LITERAL, ops.ANY, ops.IN}:
            return self._run(op, least, int(most), self._holds(*parts[0]))
        body = self._sequence(parts)

        def match(at: int, then: Then, count: int = 0) -> bool:
            def again(end: int) -> bool:
                return end != at and match(end, then, count + 1)

            if count < least:
                return body(at, again)
            if op is ops.MIN_REPEAT:
                return then(at) or (count < int(most) and body(at, again))
            return (count < int(most) and body(at, again)) or then(at)

        return self._atomic(match) if op is ops.POSSESSIVE_REPEAT else match

    def _run(self, op: Any, least: int, most: int, holds: Callable[[int], bool]) -> Matcher:
        def match(at: int, then: Then) -> bool:
            if op is ops.MIN_REPEAT:
                end = at
                while end - at < least or not then(end):
                    if end - at == most or not self._reads(holds, end):
                        return False
                    end += 1
                return True
            end = at
            while end - at < most and self._reads(holds, end):
                end += 1
            shortest = end if op is ops.POSSESSIVE_REPEAT else at + least
            return end - at >= least and self._tries_one(then, range(end, shortest - 1, -1))

        return match

    def _tries(self, then: Then, at: int) -> bool:
        self.steps += 1
        return then(at)

    def _tries_one(self, then: Then, stops: range) -> bool:
        for stop in stops:  # noqa: SIM110 - see _branch
            if self._tries(then, stop):
                return True
        return False

    @staticmethod
    def _branch(branches: Sequence[Matcher]) -> Matcher:
        # A loop, and not any(): Python 3.12 counts the recursion through C by itself, and allows little of it.
        def match(at: int, then: Then) -> bool:
            for branch in branches:  # noqa: SIM110 - see above
                if branch(at, then):
                    return True
            return False

        return match

    @staticmethod
    def _atomic(inner: Matcher) -> Matcher:
        def match(at: int, then: Then) -> bool:
            ended = at

            def keep(end: int) -> bool:
                nonlocal ended
                ended = end
                return True

            # The first way through is the only one.
            return inner(at, keep) and then(ended)

        return match

    def _look(self, op: Any, direction: int, parts: Sequence[tuple[Any, Any]]) -> Matcher:
        body = self._sequence(parts)
        behind = 0 if direction > 0 else parts.getwidth()[0]  # type: ignore[attr-defined]

        def match(at: int, then: Then) -> bool:
            found = at >= behind and body(at - behind, lambda _: True)
            return found is (op is ops.ASSERT) and then(at)

        return match

    def _place(self, place: Any) -> Matcher:
        word = self._holds(ops.CATEGORY, ops.CATEGORY_WORD)

        def is_there(at: int) -> bool:
            if place in {ops.AT_BEGINNING, ops.AT_BEGINNING_STRING}:
                return at == 0
            if place in {ops.AT_END, ops.AT_END_STRING}:
                return at == len(self._text)
            before, after = at > 0 and word(self._text[at - 1]), at < len(self._text) and word(self._text[at])
            return (before is not after) is (place is ops.AT_BOUNDARY)

        return lambda at, then: self._tries(lambda where: is_there(where) and then(where), at)


def _chain(matchers: Sequence[Matcher], index: int, at: int, then: Then) -> bool:
    if index == len(matchers):
        return then(at)
    return matchers[index](at, lambda end: _chain(matchers, index + 1, end, then))
