"""The CSV of the mailboxes: what becomes a mailbox, and what each mistake is answered with."""

from pathlib import Path

import pytest

from rsvpq.lanes.limits import Limits, Rate
from rsvpq.settings import ConfigError, Settings
from rsvpq.settings.mailboxes import ListedMailbox, read_mailboxes, select
from tests.support.work_counts import calls_of

_SERVER = {"url": "https://mail.example.com", "username": "svc", "password": "pw"}


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A CSV file in the working directory."""
    monkeypatch.chdir(tmp_path)
    file = Path("mailboxes.csv")
    file.touch()
    return file


def _read(file: Path, content: str | bytes, servers: tuple[str, ...] = ("hq1",)) -> tuple[ListedMailbox, ...]:
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    values = {"mailboxes": str(file), "servers": dict.fromkeys(servers, _SERVER), "limits": {"rate": "3/s"}}
    return read_mailboxes(file, Settings.model_validate(values))


def _problems(file: Path, content: str | bytes, servers: tuple[str, ...] = ("hq1",)) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        _read(file, content, servers)
    return str(caught.value).splitlines()


@pytest.mark.parametrize("name", ["cara", "adele@", "@example.com", "adèle@example.com", "a b@example.com"])
def test_exchange_web_services_need_an_smtp_address(file: Path, name: str) -> None:
    file.write_text(f"mailbox,server\nadele,hq1\n{name},hq2\nbrian@example.com,hq2\n")
    servers = {"hq1": _SERVER, "hq2": {**_SERVER, "protocol": "ews"}}
    settings = Settings.model_validate({"mailboxes": str(file), "servers": servers})

    with pytest.raises(ConfigError) as caught:
        read_mailboxes(file, settings)

    expected = "is not an SMTP address, which protocol ews of server hq2 needs; write it as adele@example.com"
    assert str(caught.value) == f"mailboxes.csv:3: mailbox: {name!r} {expected}"


@pytest.mark.parametrize("server", ["", "hq9"])
def test_a_row_without_a_valid_server_is_not_judged_by_the_first_one(file: Path, server: str) -> None:
    file.write_text(f"mailbox,server\nadele,{server}\n")
    servers = {"hq1": {**_SERVER, "protocol": "ews"}, "hq2": _SERVER}
    settings = Settings.model_validate({"mailboxes": str(file), "servers": servers})

    with pytest.raises(ConfigError) as caught:
        read_mailboxes(file, settings)

    assert [problem.field for problem in caught.value.problems] == ["server"]


def test_the_name_alone_is_enough_where_there_is_one_server(file: Path) -> None:
    assert _read(file, "mailbox\nadele\n") == (ListedMailbox("adele", "hq1", "", None),)


def test_an_empty_server_means_the_only_one(file: Path) -> None:
    assert _read(file, "mailbox,server\nadele,\n") == (ListedMailbox("adele", "hq1"),)


def test_every_column_is_read_in_whatever_order(file: Path) -> None:
    text = "weight,concurrency,burst,pace,group,server,mailbox\n0.5,1,9,30/min,pilot,hq2,adele@example.com\n"

    limits = Limits(Rate(0.5), burst=9, concurrency=1, weight=0.5)
    assert _read(file, text, ("hq1", "hq2")) == (ListedMailbox("adele@example.com", "hq2", "pilot", limits),)


def test_what_a_row_leaves_empty_comes_from_the_settings(file: Path) -> None:
    (mailbox,) = _read(file, "mailbox,pace,burst\nadele,,7\n")

    assert mailbox.limits == Limits(Rate(3), burst=7, concurrency=1, weight=1)


def test_blank_lines_comments_quotes_and_spaces_are_understood(file: Path) -> None:
    text = """
# my "mailboxes
 mailbox , group

  # below the header
"adele", "Sales, ""East"" wing"
 brian ,
"""

    mailboxes = _read(file, text)

    assert [(mailbox.name, mailbox.group) for mailbox in mailboxes] == [("adele", 'Sales, "East" wing'), ("brian", "")]


@pytest.mark.parametrize(
    "content",
    ["mailbox\nadèle\n".encode("utf-8-sig"), "mailbox\r\nadèle\r\n".encode(), "mailbox\nadèle".encode()],
    ids=["byte order mark", "windows line ends", "no last line end"],
)
def test_what_editors_do_to_a_file_does_no_harm(file: Path, content: bytes) -> None:
    assert [mailbox.name for mailbox in _read(file, content)] == ["adèle"]


def test_a_file_with_a_header_only_has_no_mailboxes(file: Path) -> None:
    assert _read(file, "mailbox\n") == ()


_RULES = [
    ("", "1: mailbox: is missing; write a header such as mailbox,server,group"),
    ("group\n", "1: mailbox: is missing; write a header such as mailbox,server,group"),
    ("# x\nmailbx\nadele\n", "2: mailbx: is not a known column; did you mean mailbox?"),
    ("mailbox;group\nadele;pilot\n", "1: mailbox;group: is not a known column; separate the fields by commas"),
    (
        "mailbox,\nadele,\n",
        "1: header: is not a known column; use one of: burst, concurrency, group, mailbox, pace, server, weight",
    ),
    ("mailbox,group,group\n", "1: group: appears more than once in the header; keep one column of that name"),
    (
        "mailbox,group\nadele\n",
        "2: row: has 1 fields, but the header has 2; look for a missing comma or quote",
    ),
    (
        "mailbox\nadele,pilot\n",
        "2: row: has 2 fields, but the header has 1; look for a missing comma or quote",
    ),
    (
        'mailbox,group\n"adele,pilot\nbrian,x\n',
        "2: row: is not valid CSV (unexpected end of data); close each quote, and double quotes inside quotes",
    ),
    ("mailbox,group\n,pilot\n", "2: mailbox: is empty; write an alias or an SMTP address"),
    *(
        (
            f"mailbox\nad{char}ele\n",
            f"2: mailbox: {f'ad{char}ele'!r} contains {char}; write an alias or an SMTP address",
        )
        for char in "/\\?#%"
    ),
    ("mailbox\n..\n", "2: mailbox: '..' contains only dots; write an alias or an SMTP address"),
    ("mailbox\nad\tele\n", r"2: mailbox: 'ad\tele' contains an invisible character; type the name again"),
    ("mailbox\nadele\u200b\n", r"2: mailbox: 'adele\u200b' contains an invisible character; type the name again"),
    (f"mailbox\n{'a' * 257}\n", "2: mailbox: is 257 characters long; no name is longer than 256"),
    ("mailbox\nStraße\n\nSTRASSE\n", "4: mailbox: 'STRASSE' is already on line 2; remove one of the two"),
    ("mailbox,server\nadele,hq2\n", "2: server: 'hq2' is not a configured server; use one of: hq1"),
    ("mailbox,group\nadele,a\tb\n", r"2: group: 'a\tb' contains an invisible character; type the name again"),
    (
        "mailbox,pace\nadele,4\n",
        "2: pace: '4' is not a rate; write a number above zero per s, min or h, such as 2/s or 30/min",
    ),
    ("mailbox,burst\nadele,0\n", "2: burst: '0' is not a whole number above zero; write one such as 4"),
    ("mailbox,burst\nadele,1_0\n", "2: burst: '1_0' is not a whole number above zero; write one such as 4"),
    ("mailbox,concurrency\nadele,1.5\n", "2: concurrency: '1.5' is not a whole number above zero; write one such as 4"),
    (
        "mailbox,concurrency\nadele,2\n",
        "2: concurrency: 2 would let a mailbox answer several requests at once, whose drafts cannot always be "
        "distinguished; write 1, and raise the rate and the burst, or the concurrency of the server, to go faster",
    ),
    ("mailbox,weight\nadele,0.0\n", "2: weight: '0.0' is not a number above zero; write one such as 2 or 0.5"),
    ("mailbox,weight\nadele,nan\n", "2: weight: 'nan' is not a number above zero; write one such as 2 or 0.5"),
]


@pytest.mark.parametrize(("text", "expected"), _RULES, ids=[expected[:60] for _, expected in _RULES])
def test_each_broken_rule_names_file_line_field_and_remedy(file: Path, text: str, expected: str) -> None:
    assert _problems(file, text) == [f"mailboxes.csv:{expected}"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mailbox\na\n", "1: server: is missing; with more than one server, say which of them each mailbox is on"),
        ("mailbox,server\na,\n", "2: server: is empty; use one of: hq1, hq2"),
        ("mailbox,server\na,hq3\n", "2: server: 'hq3' is not a configured server; use one of: hq1, hq2"),
    ],
)
def test_with_several_servers_each_mailbox_needs_one_of_them(file: Path, text: str, expected: str) -> None:
    assert _problems(file, text, ("hq1", "hq2")) == [f"mailboxes.csv:{expected}"]


def test_a_file_that_is_not_utf_8_is_named_with_the_line(file: Path) -> None:
    expected = "mailboxes.csv:2: text: is not UTF-8; save the file as UTF-8"

    assert _problems(file, "mailbox\nadèle\n".encode("latin-1")) == [expected]


def test_a_file_that_has_gone_is_named(file: Path) -> None:
    settings = Settings.model_validate({"mailboxes": str(file), "servers": {"hq1": _SERVER}})
    file.unlink()

    with pytest.raises(ConfigError, match=r"mailboxes\.csv: file: cannot be read .*; create it, or correct mailboxes"):
        read_mailboxes(file, settings)


def test_all_problems_of_a_file_are_collected(file: Path) -> None:
    problems = _problems(file, "mailbox,pace,burst\na/b,4,0\nadele,1/s\nbrian,,\n,1/s,1\nBrian,1/s,1\n")

    assert [problem.split(": ")[:2] for problem in problems] == [
        ["mailboxes.csv:2", "mailbox"],
        ["mailboxes.csv:2", "pace"],
        ["mailboxes.csv:2", "burst"],
        ["mailboxes.csv:3", "row"],
        ["mailboxes.csv:5", "mailbox"],
        ["mailboxes.csv:6", "mailbox"],
    ]


def test_twenty_problems_are_shown_and_the_rest_counted(file: Path) -> None:
    problems = _problems(file, "mailbox,burst\n" + "".join(f"user{number},0\n" for number in range(50)))

    assert len(problems) == 21
    assert problems[-1] == "... and 30 more; 50 in all"


def test_each_row_takes_the_same_work_however_many_there_are(file: Path) -> None:
    def calls(rows: int) -> int:
        text = "mailbox,server,group,pace,burst,concurrency,weight\n"
        text += "".join(f"user{number:05}@example.com,hq1,pilot,4/s,10,1,2\n" for number in range(rows))
        return calls_of(lambda: _read(file, text))

    calls(1)  # what is done once in a process
    first, second = calls(1000) - calls(0), calls(3000) - calls(2000)
    assert second == pytest.approx(first, rel=0.02)
    assert second < 100_000, "a hundred calls for a row are a second for twenty thousand"


_LIST = (ListedMailbox("Adele", "hq1", "pilot"), ListedMailbox("brian", "hq1", "pilot"), ListedMailbox("cara", "hq1"))


def test_without_names_and_group_everyone_is_selected() -> None:
    assert select(_LIST) == _LIST


def test_names_select_whatever_their_case_and_in_the_order_of_the_list() -> None:
    assert select(_LIST, ["CARA", "adele", "Adele"]) == (_LIST[0], _LIST[2])


def test_a_group_selects_its_members() -> None:
    assert select(_LIST, group="pilot") == _LIST[:2]


def test_a_name_like_no_other_in_a_long_list_gets_no_list_of_names() -> None:
    mailboxes = [ListedMailbox(f"user{number}", "hq1") for number in range(100)]

    with pytest.raises(ConfigError, match=r"^mailboxes: adele: is not in the list; check the spelling$"):
        select(mailboxes, ["adele"])


@pytest.mark.parametrize(
    ("names", "group", "expected"),
    [
        (("adela", "brian"), None, "mailboxes: adela: is not in the list; did you mean Adele?"),
        ((), "pilots", "mailboxes: group: no mailbox is in the group 'pilots'; did you mean pilot?"),
        ((), "", "mailboxes: group: no mailbox is in the group ''; use one of: pilot"),
        (("adele",), "pilot", "mailboxes: group: was given together with names; give only one of them"),
    ],
)
def test_what_selects_nobody_is_refused(names: tuple[str, ...], group: str | None, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        select(_LIST, names, group)

    assert str(caught.value) == expected
