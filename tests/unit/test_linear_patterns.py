"""No text of a stranger's is walked more than a few times: twice as much of it takes twice as many steps."""

import re
import sys
from collections.abc import Iterator

import pytest

from rsvpq.audit import record
from rsvpq.ews import envelope, global_ids, series, soap
from rsvpq.mail import ordinary_rules, persons, recurrence, zones
from rsvpq.policy import organizer
from rsvpq.policy import organizer as globs
from rsvpq.report import reasons
from rsvpq.webdav import imip, multistatus, wire
from tests.support.work_counts import match_steps, search_steps

#: The patterns that see what a server, or whoever writes to it, has sent.
READERS = (
    *(multistatus, wire, organizer, persons, record, reasons, imip, zones, recurrence, ordinary_rules),
    *(envelope, global_ids, series, soap),
)
#: Those that are tried at the beginning only, and those for the whole of a text; all others are searched for.
MATCHED = {multistatus._HEAD, imip._LINE_NAME, soap._HEAD, series._DATE}
OF_THE_WHOLE = {
    organizer._ADDRESS,
    persons._IN_BRACKETS,
    persons._PLAIN_SMTP,
    multistatus.ENCODING,
    *(imip._ADDRESS, imip._MOMENT, imip._ANY, imip._TOKEN, *imip._IDENTITY.values(), *imip._COURTESY.values()),
    *(zones._MOMENT, zones._OFFSET, zones._STEP),
    recurrence._UNTIL,
    *(envelope._ID, global_ids._HEXADECIMAL),
    *(ordinary_rules._WEEKDAYS, *ordinary_rules._FORMS.values()),
}
#: Those of a policy, which see subjects.
OF_A_POLICY = {text: globs._compiled(text) for text in ("*urgent*budget*review*", "*a*a*a*b", "a*?a*aa?*a0", "*@a.*")}
#: What keeps a pattern busy: a beginning, and something that comes again and again behind it.
TEXTS = (
    *(("", unit) for unit in (" ", "a", "0", "<", ">", "&#", "@", ":", "{", '"', "\n")),
    *(("<", unit) for unit in (" ", "a", "< ", "<a>", "a:", "mailto:", "0")),
    *(("<?xml ", unit) for unit in (" ", "encoding ", 'encoding="a ', "?>", "x")),
    *(('<?xml encoding="', "a"), ('<?xml encoding="a"', " "), ("<?xml encoding", " "), ("<?xml encoding=", " ")),
    *(
        ("", unit)
        for unit in (
            "MO,",
            "1MO,",
            "a@",
            "urgent budget ",
            "a@b.",
            ";mailto:",
            ": ",
            "20260101T",
            "\\",
            "\n ",
            "A-",
            "+0",
            "00:",
        )
    ),
    *(("<!DOCTYPE", unit) for unit in (" ", "[", "[]", "<!DOCTYPE x [")),
    *(("", unit) for unit in ("<!--", "<!--a-->", "<!-- -->  ", "<a:response ", "</a:response", "</a:response ")),
    *(("<a:multistatus ", unit) for unit in ("a", '"a" ', "\"'", "/", "a='a' ", " ")),
    *(
        (before, unit)
        for before in ("<a:", "</a:response", "&#x", "total", ' xmlns="', ' xmlns:a="')
        for unit in (" ", "0", "a")
    ),
    *(
        ("", unit)
        for unit in (
            ' xmlns="',
            ' xmlns:a="',
            ' xmlns="{',
            "&#x0",
            "total ",
            "total=",
            "1.",
            "x@",
            "@x ",
            " returned 1",
        )
    ),
)
SMALL, LARGE = 50, 100


def patterns() -> Iterator[tuple[str, re.Pattern[str] | re.Pattern[bytes]]]:
    """Each pattern by its name."""
    yield from OF_A_POLICY.items()
    for module in READERS:
        for name, value in vars(module).items():
            named = value if isinstance(value, dict) else {"": value}
            for key, one in named.items():
                if isinstance(one, re.Pattern):
                    yield f"{module.__name__}.{name}{key and f'[{key}]'}", one


def steps(pattern: re.Pattern[str] | re.Pattern[bytes], text: str) -> int:
    """What the pattern costs as it is used."""
    given = text.encode() if isinstance(pattern.pattern, bytes) else text
    if pattern in MATCHED:
        return match_steps(pattern, given)
    whole = pattern in OF_THE_WHOLE or pattern in OF_A_POLICY.values()
    return match_steps(pattern, given, whole=True) if whole else search_steps(pattern, given)


@pytest.mark.parametrize("pattern", [pattern for _, pattern in patterns()], ids=[name for name, _ in patterns()])
def test_twice_the_text_takes_twice_the_steps(pattern: re.Pattern[str] | re.Pattern[bytes]) -> None:
    sys.setrecursionlimit(max(sys.getrecursionlimit(), 20_000))
    for before, unit in TEXTS:
        small, large = (steps(pattern, before + unit * count) for count in (SMALL, LARGE))
        assert large <= 2.2 * small + 50, (before, unit)


@pytest.mark.parametrize(
    ("pattern", "quadratic"), [(r"a*a*b", True), (r"a*+a*b", False), (r"(?:a|b)*c", False), (r"\s*(?:a|b)*a*b", True)]
)
def test_the_counter_tells_the_one_kind_from_the_other(pattern: str, quadratic: bool) -> None:
    small, large = (
        match_steps(re.compile(pattern), "a" * count) for count in ((8, 16) if "*)*" in pattern else (60, 120))
    )
    assert (large > 2.2 * small + 10) is quadratic


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [(r"\bb(?=c)[^d]+?e$", "a bcce", 2), (r"(?<!\S)x{2,3}+y|q", "axxy xxxy", 5), (r"(?i)A(?>B|BC)d", "abcabd", 3)],
)
def test_the_counter_finds_what_re_finds(pattern: str, text: str, found: int) -> None:
    compiled = re.compile(pattern)
    match = compiled.search(text)
    assert match is not None
    assert match.start() == found
    assert search_steps(compiled, text[:found]) < search_steps(compiled, text)
