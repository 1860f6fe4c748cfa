"""Evaluate the expressions of alerts on one scrape: the part of PromQL that deploy/prometheus/alerts.yml uses.

A scrape has no history, so a function over time has the one value. An expression that is not understood is an error, so
no rule passes because nobody could read it.
"""

import operator
import re
import time
from collections.abc import Callable, Mapping

from tests.support.scrape import Labels, Scrape

Vector = Mapping[Labels, float]

_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {">": operator.gt, "==": operator.eq, "<": operator.lt}
_MATCHING = r"(?:(on|ignoring) ?\(([\w, ]*)\) ?(?:group_left ?\(\) ?)?)?"


def firing(expression: str, scrape: Scrape) -> Vector:
    """Return the series for which an alert with this expression would fire.

    :raises ValueError: the expression is not understood.
    """
    if " or " in expression:
        left, right = expression.split(" or ", 1)
        return {**firing(right, scrape), **firing(left, scrape)}
    if match := re.fullmatch(rf"(.+?) and {_MATCHING}(.+)", expression):
        left, how, names, right = match.groups()
        matching = {_compared(labels, how, names) for labels in firing(right, scrape)}
        return {one: value for one, value in firing(left, scrape).items() if _compared(one, how, names) in matching}
    if match := re.fullmatch(r"absent\((.+)\)", expression):
        return {} if _vector(match[1], scrape) else {frozenset(): 1.0}
    if match := re.fullmatch(rf"(.+?) (>|==|<) {_MATCHING}(.+)", expression):
        left, compare, _, _, right = match.groups()
        limit = _limit(right, scrape)
        holds = _COMPARISONS[compare]
        found = _vector(left, scrape)
        return {one: value for one, value in found.items() if limit is not None and holds(value, limit)}
    raise ValueError(f"{expression!r} is not understood")


def _limit(text: str, scrape: Scrape) -> float | None:
    """Return a number, or a number times a metric without labels; None if that is not there."""
    if match := re.fullmatch(r"([\d.]+) \* (\w+)", text):
        value = scrape.value(match[2])
        return None if value is None else float(match[1]) * value
    return float(text)


def _vector(text: str, scrape: Scrape) -> Vector:
    if match := re.fullmatch(r"\w+_over_time\((.+)\[\w+\]\)", text):
        return _vector(match[1], scrape)
    if match := re.fullmatch(r"(.+) - time\(\)", text):
        return {labels: value - time.time() for labels, value in _vector(match[1], scrape).items()}
    if match := re.fullmatch(r"(\w+) / (\w+)", text):
        above, below = _vector(match[1], scrape), _vector(match[2], scrape)
        return {labels: value / below[labels] for labels, value in above.items() if labels in below}
    match = re.fullmatch(r"(\w+)(?:\{(\w+)(!?=)\"([^\"]*)\"\})?", text)
    if not match:
        raise ValueError(f"{text!r} is not understood")
    name, label, equal, value = match.groups()
    series = scrape.samples.get(name, {})
    wanted = equal == "="
    return {one: found for one, found in series.items() if not label or (dict(one).get(label) == value) is wanted}


def _compared(labels: Labels, how: str | None, names: str | None) -> Labels:
    """Return the labels by which two series are matched: only those named by ``on``, or all but those ignored."""
    named = {name.strip() for name in (names or "").split(",")}
    return frozenset((name, value) for name, value in labels if (name in named) is (how == "on"))
