"""Exports of a directory: what is read, what it means for the list, and what is refused."""

import base64
import errno
import json
import os
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from rsvpq import wiring
from rsvpq.cli.mailboxes import mailboxes
from rsvpq.ops import InvalidRequest, OperatorContext, list_import, open_context
from rsvpq.settings import ConfigError, Settings, load_settings
from rsvpq.settings.directory_export import decode, read_csv, read_ldif
from rsvpq.settings.list_import import Places
from rsvpq.settings.text_files import write_remedy
from tests.support.file_limit import files_of_at_most

LIST = """\
# Ours.
mailbox,server,group,pace,weight
adele@example.com,hq1,pilot,,

bruno,hq1,"sales, north",4/s,2
# Moves in May.
cara@example.com,hq2,,,
"""
#: What ldapsearch writes: comments, a folded comment, folded and encoded values, a referral, a result.
LDIF = f"""\
# extended LDIF
#
# LDAPv3, a comment that is
  folded and has: a colon
version: 1

# Adele, Users, example.com
dn: CN=Adele,CN=Users,DC=example,DC=com
mail: adele@exam
 ple.com
mailNickname: adele
proxyAddresses: smtp:old.adele@example.com
proxyAddresses: SMTP:adele@example.com
msExchHomeServerName: /o=Example/ou=First Administrative Group/cn=Configuration/cn=S
 ervers/cn=MAIL1

dn:: {base64.b64encode("CN=Bruno Käse,DC=example,DC=com".encode()).decode()}
mail:: {base64.b64encode(b"bruno@example.com").decode()}
mailNickname: BRUNO
jpegPhoto:: /9j/4AAQ
homeMDB: CN=Mailbox Store (MAIL1),CN=First Storage Group,CN=InformationStore,CN=MAIL1,CN=Servers,DC=example,DC=com

dn: CN=Cara,DC=example,DC=com
mail: cara@example.com
msExchHomeServerName: /o=Example/cn=Servers/cn=mail2

dn: CN=A contact,DC=example,DC=com
mail: somebody@elsewhere.example

# search reference
ref: ldap://other.example.com/DC=other

search: 2
result: 0 Success
"""
GET_MAILBOX = """\
#TYPE Microsoft.Exchange.Data.Directory.Management.Mailbox
"Name";"Alias";"ServerName";"PrimarySmtpAddress";"EmailAddresses";"RecipientTypeDetails";"Notes"
"Adele";"adele";"mail1";"adele@example.com";"SMTP:adele@example.com smtp:a@example.com";"UserMailbox";"two
lines"
"Bruno";"bruno";"MAIL1";"bruno@example.com";"";"UserMailbox";""
"Cara";"cara";"mail2";"cara@example.com";"";"SharedMailbox";"a ""quoted"" word"
"Discovery";"DiscoverySearchMailbox";"mail1";"d@example.com";"";"DiscoveryMailbox";""
"""
CSVDE = """\
DN,mail,mailNickname,homeMDB,proxyAddresses
"CN=Adele,DC=example,DC=com",adele@example.com,adele,"CN=Store,CN=SG,CN=InformationStore,CN=MAIL1,CN=Servers",\
SMTP:adele@example.com;smtp:a@example.com
"CN=Bruno,DC=example,DC=com",bruno@example.com,bruno,"CN=Store,CN=SG,CN=InformationStore,CN=MAIL1,CN=Servers",
"CN=Cara,DC=example,DC=com",cara@example.com,cara,"CN=Store,CN=SG,CN=InformationStore,CN=MAIL2,CN=Servers",
"CN=Nobody,DC=example,DC=com",,,,
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Two servers by WebDAV, and a list that agrees with the exports above."""
    tables = "".join(
        f'[servers.hq{n}]\nurl = "https://mail{n}.example.com"\nusername = "svc"\npassword = "secret"\n' for n in (1, 2)
    )
    (tmp_path / "rsvpq.toml").write_text(f'mailboxes = "mailboxes.csv"\n[redis]\nurl = "redis://127.0.0.1:9"\n{tables}')
    (tmp_path / "mailboxes.csv").write_text(LIST)
    return load_settings(tmp_path / "rsvpq.toml", {})


def prepare(
    settings: Settings, text: str, places: Places | None = None, *, group: str = "", remove: bool = True
) -> list_import.ListImport:
    """Compare an export with the list."""
    form = "ldif" if "dn:" in text else "csv"
    return list_import.prepare(
        settings,
        text.encode(),
        "export",
        "ldif" if form == "ldif" else "csv",
        places or Places(),
        group=group,
        remove=remove,
    )


def signs(prepared: list_import.ListImport) -> tuple[list[str], list[str], list[str]]:
    """What is added, removed and moved, by name."""
    shown = prepared.to_dict()
    added, removed, moved = ([one["mailbox"] for one in shown[kind]] for kind in ("added", "removed", "moved"))
    return added, removed, moved


@pytest.mark.parametrize("text", [LDIF, GET_MAILBOX, CSVDE], ids=["ldif", "Get-Mailbox", "csvde"])
def test_an_export_that_agrees_changes_nothing(settings: Settings, text: str) -> None:
    prepared = prepare(settings, text)
    assert not prepared.changes
    assert (prepared.changes.unchanged, prepared.changes.skipped) == (3, 1)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_the_encodings_of_exports_are_read(encoding: str, newline: str) -> None:
    data = "mail,ServerName\nzoë@example.com,mail1\n".replace("\n", newline).encode(encoding)
    (entry,) = read_csv(decode(data, "export"), "export")
    assert entry.first("Mail") == ("Mail", "zoë@example.com")


def test_a_separator_in_a_quoted_name_of_the_header_is_none() -> None:
    (entry,) = read_csv('"Name, first, last";mail\n"A, B, C";a@example.com\n', "export")
    assert entry.first("mail") == ("mail", "a@example.com")


def test_the_line_that_names_the_separator_for_excel_is_no_row() -> None:
    (entry,) = read_csv("sep=;\nmail;ServerName\na@example.com;mail1\n", "export")
    assert (entry.line, entry.first("mail")) == (3, ("mail", "a@example.com"))


def test_a_part_of_many_values_is_read_as_an_attribute() -> None:
    text = "dn: CN=a\nproxyAddresses;range=0-1499: SMTP:a@example.com\nmember;range=1500-*: CN=b\n"
    (entry,) = read_ldif(text, "export")
    assert entry.first("proxyAddresses") == ("proxyAddresses", "SMTP:a@example.com")


def test_the_pages_of_a_search_are_one_export() -> None:
    page = "# extended LDIF\n#\n\n# {0}, example.com\ndn: CN={0}\nmail: {0}@example.com\n\n# search result\nsearch: 2\n"
    end = "result: 0 Success\ncontrol: 1.2.840.113556.1.4.319 false MAUCAQAEAA==\npagedresults: cookie={}\n"
    text = page.format("a") + end.format("AwAAAAAAAAA=") + page.format("b") + end.format("") + "\n# numEntries: 2\n"
    assert [entry.first("mail")[1] for entry in read_ldif(text, "export")] == ["a@example.com", "b@example.com"]


def test_what_ldifde_adds_to_each_entry_is_read() -> None:
    (entry,) = read_ldif("dn: CN=a\nchangetype: add\nmail: a@example.com\n", "export")
    assert entry.first("mail") == ("mail", "a@example.com")


def test_another_encoding_is_named_with_its_line() -> None:
    with pytest.raises(ConfigError, match=r"^export:2: text: is not utf-8; export it as UTF-8: Export-Csv"):
        decode("mail\nzoë@example.com\n".encode("latin-1"), "export")


def test_new_gone_and_moved_mailboxes_are_found(settings: Settings) -> None:
    text = GET_MAILBOX.replace('"Bruno";"bruno";"MAIL1";"bruno@', '"Dora";"dora";"MAIL1";"dora@')
    prepared = prepare(settings, text.replace('"cara";"mail2"', '"cara";"mail1"'))
    assert signs(prepared) == (["dora@example.com"], ["bruno"], ["cara@example.com"])


def test_a_mailbox_keeps_the_name_that_the_list_has_for_it(settings: Settings) -> None:
    (settings.mailboxes).write_text(LIST.replace("adele@example.com", "OLD.adele@example.com"))
    assert signs(prepare(settings, LDIF)) == ([], [], [])


def test_the_list_keeps_everything_else(settings: Settings) -> None:
    text = GET_MAILBOX.replace(
        '"Adele";"adele";"mail1";"adele@example.com";"SMTP:adele', '"E";"eva";"mail2";"eva@example.com";"SMTP:eva'
    )
    prepared = prepare(settings, text.replace('"bruno";"MAIL1"', '"bruno";"mail2"'), group="new ones")
    former, unrecorded = list_import.write_list(_context(settings), prepared)
    assert settings.mailboxes.read_text() == (
        LIST.replace("adele@example.com,hq1,pilot,,\n", "").replace('bruno,hq1,"sales', 'bruno,hq2,"sales')
        + "eva@example.com,hq2,new ones,,\n"
    )
    assert former.read_text() == LIST
    assert unrecorded  # Redis is not there
    assert [path.name for path in settings.mailboxes.parent.iterdir() if path.name.startswith(".")] == []


def _context(settings: Settings) -> OperatorContext:
    return open_context(settings, wiring.make_lanes(settings, retries=0))


def test_a_list_that_was_edited_meanwhile_is_not_overwritten(settings: Settings) -> None:
    prepared = prepare(settings, GET_MAILBOX.replace("cara@", "dora@").replace('"cara"', '"dora"'))
    edited = LIST + "frieda@example.com,hq1,,,\n"
    settings.mailboxes.write_text(edited)
    with pytest.raises(ConfigError, match="was changed meanwhile"):
        list_import.write_list(_context(settings), prepared)
    assert settings.mailboxes.read_text() == edited


def test_a_group_that_the_list_cannot_have_is_refused_before_anything_is_shown(settings: Settings) -> None:
    with pytest.raises(ConfigError, match=r"as it would be:.*group"):
        prepare(settings, GET_MAILBOX.replace("cara@", "dora@").replace('"cara"', '"dora"'), group="a\x07b")


def test_a_list_behind_a_link_is_written_where_it_is(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    real = settings.mailboxes.rename(tmp_path / "shared" / "list.csv")
    settings.mailboxes.symlink_to(real)
    prepared = prepare(settings, GET_MAILBOX.replace('"cara";"mail2"', '"cara";"mail1"'))
    former, _ = list_import.write_list(_context(settings), prepared)
    assert "cara@example.com,hq1" in real.read_text()
    assert settings.mailboxes.is_symlink()
    assert (former, former.read_text()) == (tmp_path / "shared" / "list.csv.former", LIST)


def test_the_line_ends_and_the_byte_order_mark_stay(settings: Settings) -> None:
    settings.mailboxes.write_bytes(LIST.replace("\n", "\r\n").encode("utf-8-sig"))
    list_import.write_list(_context(settings), prepare(settings, GET_MAILBOX.replace("ara", "ora")))
    expected = LIST.replace("cara@example.com,hq2,,,\n", "") + "cora@example.com,hq2,,,\n"
    assert settings.mailboxes.read_bytes() == expected.replace("\n", "\r\n").encode("utf-8-sig")


def test_a_list_that_cannot_be_written_stays_as_it_is_with_the_remedy_for_the_reason(settings: Settings) -> None:
    prepared = prepare(settings, GET_MAILBOX.replace("cara@", "dora@").replace('"cara"', '"dora"'))
    with files_of_at_most(100), pytest.raises(ConfigError, match=r"cannot be written \(File too large\); make room"):
        list_import.write_list(_context(settings), prepared)
    assert settings.mailboxes.read_text() == LIST
    assert [path.name for path in settings.mailboxes.parent.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "make room"),
        (errno.EDQUOT, "make room"),
        (errno.EACCES, "run this as a user that may write there"),
        (errno.EPERM, "run this as a user that may write there"),
        (errno.EROFS, "where it is mounted from"),
        (errno.EBUSY, "where it is mounted from"),
        (errno.ENOENT, "another folder"),
    ],
)
def test_the_remedy_for_a_file_that_cannot_be_written_follows_from_the_reason(number: int, remedy: str) -> None:
    assert remedy in write_remedy(OSError(number, os.strerror(number)))


def test_mode_of_the_file_stays(settings: Settings) -> None:
    settings.mailboxes.chmod(0o640)
    list_import.write_list(
        _context(settings), prepare(settings, GET_MAILBOX.replace("cara@", "dora@").replace('"cara"', '"d"'))
    )
    assert settings.mailboxes.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("removed", [0, 1, 2])
def test_a_tenth_may_leave_the_list_without_a_word(settings: Settings, removed: int) -> None:
    names = [f"user{number}@example.com" for number in range(10)]
    settings.mailboxes.write_text("".join(f"{row}\n" for row in ("mailbox,server", *(f"{one},hq1" for one in names))))
    text = "".join(f"{row}\n" for row in ("mail,ServerName", *(f"{one},mail1" for one in names[removed:])))
    prepared = prepare(settings, text)
    if removed == 2:
        with pytest.raises(InvalidRequest, match=r"2 of 10 mailboxes.*--allow-removals 2"):
            prepared.require_consent(1)
    else:
        prepared.require_consent()
    prepared.require_consent(2)
    prepare(settings, text, remove=False).require_consent()


@pytest.mark.parametrize("places", [Places(), Places(everything="hq2")])
def test_a_server_whose_mailboxes_would_all_leave_needs_consent(settings: Settings, places: Places) -> None:
    names = [f"user{number}@example.com" for number in range(100)]
    rows = [f"{name},{'hq2' if number < 5 else 'hq1'}\n" for number, name in enumerate(names)]
    settings.mailboxes.write_text("mailbox,server\n" + "".join(rows))
    left = ["new@example.com,mail2\n", *(f"{name},mail1\n" for name in names[5:] if not places.everything)]
    prepared = prepare(settings, "mail,ServerName\n" + "".join(left), places)
    with pytest.raises(InvalidRequest, match=r"^5 of 100 mailboxes.*on hq2 5 of 5, .*--allow-removals 5;"):
        prepared.require_consent()
    prepared.require_consent(5)


def test_more_than_a_tenth_of_a_server_moves_only_with_consent(settings: Settings) -> None:
    names = [f"user{number}@example.com" for number in range(1_020)]
    rows = [f"{name},{'hq2' if number < 20 else 'hq1'}\n" for number, name in enumerate(names)]
    settings.mailboxes.write_text("mailbox,server\n" + "".join(rows))
    prepare(settings, "mail\n" + "".join(f"{name}\n" for name in names[18:]), Places("hq1")).require_consent()
    prepared = prepare(settings, "mail\n" + "".join(f"{name}\n" for name in names), Places("hq1"))
    with pytest.raises(InvalidRequest) as raised:
        prepared.require_consent(removals=1_020)
    assert str(raised.value) == (
        "20 of 1,020 mailboxes would move to another server, of those on hq2 20 of 20, more than 10 %: see whether "
        "--server and --map are right. If they are: --allow-moves 20"
    )
    prepared.require_consent(moves=20)


def test_servers_are_found_by_name_host_and_map(settings: Settings) -> None:
    row = "mail,ServerName\nadele@example.com,{}\n"
    for place in ("hq2", "HQ2", "mail2", "MAIL2.example.com", "mail2.other.example"):
        assert signs(prepare(settings, row.format(place), remove=False))[2] == ["adele@example.com"]
    named = Places(named={"EXCH-7": "hq2"})
    assert signs(prepare(settings, row.format("exch-7"), named, remove=False))[2] == ["adele@example.com"]
    with pytest.raises(InvalidRequest, match="did you mean hq2"):
        prepare(settings, row.format("x"), Places(named={"x": "hq22"}))


def test_mailboxes_of_a_server_that_is_not_ours_are_left_out(settings: Settings) -> None:
    text = GET_MAILBOX.replace('"cara";"mail2"', '"cara";"MAIL9"')
    assert signs(prepare(settings, text, Places(foreign=frozenset({"mail9"})))) == ([], ["cara@example.com"], [])


def test_the_export_of_one_server_leaves_the_rows_of_others_alone(settings: Settings) -> None:
    text = "mail\nbruno@example.com\nadele@example.com\ndora@example.com\n".replace("bruno@example.com\n", "")
    assert signs(prepare(settings, text, Places(everything="hq1"))) == (["dora@example.com"], ["bruno"], [])


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "mail,ServerName\nadele@example.com,MAIL9\nbruno@example.com,MAIL9\n",
            "export:2: ServerName: 'MAIL9' is not a server of the settings (hq1, hq2); say which of them it is: "
            "--map MAIL9=NAME, or leave its mailboxes out: --skip MAIL9",
        ),
        (
            "mail\nnew@example.com\n",
            "export:2: server: 'new@example.com' has none of ServerName, msExchHomeServerName, homeMDB, Database; "
            "export one of these, or say --server NAME",
        ),
        (
            "mail,ServerName\na/b@example.com,mail1\n",
            "export:2: mail: 'a/b@example.com' contains /; write an alias or an SMTP address",
        ),
        (
            "EmailAddresses,ServerName\nSMTP:a/b@example.com,mail1\n",
            "export:2: EmailAddresses: 'a/b@example.com' contains /; write an alias or an SMTP address",
        ),
        (
            "mail,ServerName\na@example.com,mail1\nA@example.com,mail1\n",
            "export:3: mail: 'A@example.com' is also that of the entry in line 2; "
            "remove one of the two from the export",
        ),
        ("mail,ServerName\na@example.com\n", "export:2: row: has 1 fields, but the header has 2; export it again"),
        (
            'mail,ServerName\n"a@example.com,mail1\n',
            "export:2: row: is not valid CSV (unexpected end of data); export it again",
        ),
        (
            "Name,Sid\nAdele,S-1\n",
            "export: entries: has no mailbox; export entries with one of PrimarySmtpAddress, mail, mailNickname",
        ),
        (
            "dn: CN=a\nmail adele@example.com\n",
            "export:2: mail adele@example.com: is not a line of LDIF; write attribute: value",
        ),
        ("dn: CN=a\nmail:: a$b\n", "export:2: mail: is not base64 (Only base64 data is allowed); export it again"),
        ("dn: CN=a\nmail:< file:///x\n", "export:2: mail: is in another file; export the value itself"),
        (
            "mail: a@example.com\ndn: CN=a\n",
            "export:1: mail: begins an entry without dn; export with ldapsearch",
        ),
        (
            "dn: CN=a\nchangetype: delete\n",
            "export:1: changetype: is a change and not an entry; export with ldapsearch",
        ),
        (
            "dn: CN=a\nmail: a@example.com\n\nsearch: 2\nresult: 4 Size limit exceeded\n",
            "export:4: result: is '4 Size limit exceeded': entries are missing; export with -E pr=500/noprompt",
        ),
        (
            "# extended LDIF\n#\n\ndn: CN=a\nmail: a@example.com\n\n# search result\nsearch: 2\nresult: 0 Success\n"
            "pagedresults: cookie=AwAAAAAAAAA=\n# extended LDIF\n#\n\ndn: CN=b\nmail: b@example.com\n",
            "export:11: result: is missing after this search: entries are missing; export again",
        ),
    ],
)
def test_what_is_wrong_is_named_with_file_line_attribute_and_remedy(
    settings: Settings, text: str, problem: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        prepare(settings, text)
    assert str(raised.value) == problem


def test_an_alias_will_not_do_where_the_protocol_needs_an_address(settings: Settings) -> None:
    with pytest.raises(ConfigError, match="export:2: Alias: 'dora' is not an SMTP address, which protocol ews"):
        prepare(_with_ews(settings), "Alias,ServerName\ndora,mail2\n", remove=False)


def test_an_alias_that_moves_where_an_address_is_needed_is_named_with_its_address(settings: Settings) -> None:
    with pytest.raises(ConfigError) as raised:
        prepare(_with_ews(settings), GET_MAILBOX.replace('"bruno";"MAIL1"', '"bruno";"mail2"'))
    assert str(raised.value) == (
        f"{settings.mailboxes}: mailbox: 'bruno' moves to hq2, whose protocol ews needs an SMTP address; "
        "name it bruno@example.com in the list first"
    )


def _with_ews(settings: Settings) -> Settings:
    """The same, but with hq2 by Exchange Web Services."""
    config = settings.mailboxes.with_name("rsvpq.toml")
    config.write_text(config.read_text().replace("[servers.hq2]", '[servers.hq2]\nprotocol = "ews"'))
    return load_settings(config, {})


#: Mailboxes that Exchange keeps for itself, as it names them.
OF_EXCHANGE = (
    "HealthMailboxc3d7722415ad41a5b19e3e00e165edbe",
    "SystemMailbox{1f05a927-9350-4efe-a823-5529c2d64109}",
    "DiscoverySearchMailbox{D919BA05-46A6-415f-80AD-7E09334BB852}",
    "FederatedEmail.4c1f4d8b-8179-4148-93bf-00a95fa1e042",
    "Migration.8f3e7716-2011-43e4-96b1-aba62d229136",
)


@pytest.mark.parametrize("name", OF_EXCHANGE)
@pytest.mark.parametrize("attribute", ["mail", "mailNickname"])
def test_a_mailbox_that_exchange_keeps_for_itself_is_known_by_its_name(
    settings: Settings, name: str, attribute: str
) -> None:
    value = f"{name}@example.com" if attribute == "mail" else name
    entry = f"dn: CN=x,DC=example,DC=com\n{attribute}: {value}\nhomeMDB: CN=x,CN=InformationStore,CN=MAIL1,CN=y\n"
    text = f"{LDIF}\n{entry}"
    assert signs(prepare(settings, text)) == ([], [], [])


@pytest.mark.parametrize(
    ("kind", "added"),
    [
        *((str(number), []) for number in (8192, 16384, 8388608, 536870912, 68719476736, 549755813888, 4398046511104)),
        *((name, []) for name in ("ArbitrationMailbox", "AuxAuditLogMailbox", "SystemMailbox")),
        *((kind, ["eva@example.com"]) for kind in ("1", "2", "4", "8", "16", "32", "LinkedRoomMailbox", "")),
    ],
)
@pytest.mark.parametrize("attribute", ["msExchRecipientTypeDetails", "RecipientTypeDetails"])
def test_the_kind_of_a_mailbox_is_read_as_a_number_and_as_a_name(
    settings: Settings, attribute: str, kind: str, added: list[str]
) -> None:
    text = f"mail,ServerName,{attribute}\neva@example.com,mail1,{kind}\nadele@example.com,mail1,1\n"
    assert signs(prepare(settings, text, remove=False))[0] == added


def test_a_person_whose_name_begins_like_one_of_exchange_is_added(settings: Settings) -> None:
    names = ["healthmailbox.team@example.com", "migration.office@example.com", "systemmailbox@example.com"]
    text = "mail,ServerName\n" + "".join(f"{name},mail1\n" for name in names)
    assert signs(prepare(settings, text, remove=False))[0] == names


# -- the command ------------------------------------------------------------------------------------------------------


def run(settings: Settings, *arguments: str, given: str | None = None) -> Result:
    """Run ``rsvpq mailboxes import``."""
    config = settings.mailboxes.with_name("rsvpq.toml")
    return CliRunner().invoke(mailboxes, ["import", "--config", str(config), *arguments], input=given)


def test_the_command_shows_and_writes_only_with_yes(settings: Settings, tmp_path: Path) -> None:
    export = tmp_path / "export.csv"
    export.write_text(GET_MAILBOX.replace('"cara";"mail2"', '"cara";"mail1"'))
    shown = run(settings, "--csv", str(export), "--allow-moves", "1")
    assert shown.exit_code == 1
    assert shown.stdout == "~ cara@example.com  hq2 -> hq1\n+0 -0 ~1, 2 unchanged; 1 entry left out\n"
    assert "add --yes" in shown.stderr
    assert settings.mailboxes.read_text() == LIST
    shown = run(settings, "--csv", "-", "--yes", given=export.read_text())
    assert shown.exit_code == 2
    assert "--allow-moves 1" in shown.stderr
    assert settings.mailboxes.read_text() == LIST
    shown = run(settings, "--csv", "-", "--yes", "--allow-moves", "1", given=export.read_text())
    assert (shown.exit_code, shown.stdout.splitlines()[-1]) == (
        0,
        f"written; the former list is {settings.mailboxes}.former",
    )
    assert "cara@example.com,hq1,,," in settings.mailboxes.read_text()
    again = run(settings, "--ldif", "-", "--yes", given=LDIF.replace("cn=mail2", "cn=MAIL1"))
    assert (again.exit_code, again.stdout.splitlines()[-1][:8]) == (0, "+0 -0 ~0")


def test_the_document_has_all_changes_and_is_the_only_output(settings: Settings) -> None:
    text = GET_MAILBOX.replace('"cara";"mail2"', '"cara";"mail1"')
    refused = run(settings, "--csv", "-", "--json", "--allow-moves", "1", given=text)
    assert refused.exit_code == 1
    assert "add --yes" in refused.stderr
    shown = json.loads(refused.stdout)
    assert (shown["written"], shown["text"]) == (False, "+0 -0 ~1, 2 unchanged; 1 entry left out")
    assert settings.mailboxes.read_text() == LIST
    document = json.loads(run(settings, "--csv", "-", "--json", "--yes", "--allow-moves", "1", given=text).stdout)
    assert document["moved"] == shown["moved"] == [{"mailbox": "cara@example.com", "from": "hq2", "to": "hq1"}]
    assert (document["action"], document["written"], document["removed"]) == ("import", True, [])
    assert "not recorded in the audit" in document["warnings"][0]  # Redis is not there
    document = json.loads(run(settings, "--csv", "-", "--json", given=text).stdout)
    assert (document["text"], document["written"]) == ("+0 -0 ~0, 3 unchanged; 1 entry left out", False)


def test_the_command_refuses_many_removals_without_consent(settings: Settings) -> None:
    text = "mail,ServerName\nadele@example.com,mail1\n"
    refused = run(settings, "--csv", "-", "--yes", given=text)
    assert refused.exit_code == 2
    assert "2 of 3 mailboxes would leave the list" in refused.stderr
    assert settings.mailboxes.read_text() == LIST
    assert run(settings, "--csv", "-", "--yes", "--allow-removals", "2", given=text).exit_code == 0
    assert "bruno" not in settings.mailboxes.read_text()


@pytest.mark.parametrize("arguments", [(), ("--csv", "-", "--ldif", "-"), ("--csv", "-", "--map", "x")])
def test_wrong_usage_is_refused(settings: Settings, arguments: tuple[str, ...]) -> None:
    assert run(settings, *arguments, given="").exit_code == 2


def test_a_folded_comment_between_two_lines_belongs_to_no_value() -> None:
    (entry,) = read_ldif("dn: CN=a\nmail: a@exam\n ple.com\n# a comment\n  that folds\nversion: 7\n", "export")
    assert dict(entry.values) == {"dn": ("CN=a",), "mail": ("a@example.com",), "version": ("7",)}


def test_the_time_for_a_folded_value_grows_with_its_length() -> None:
    def seconds(lines: int) -> float:
        text = "dn: CN=a\njpegPhoto::\n" + f" {'A' * 76}\n" * lines
        began = time.process_time()
        read_ldif(text, "export")
        return time.process_time() - began

    assert seconds(40_000) < 40 * seconds(4_000)


def test_an_export_of_ten_thousand_is_read_line_by_line() -> None:
    text = "".join(f"dn: CN=u{n}\nmail: u{n}@example.com\n\n" for n in range(10_000))
    assert len(read_ldif(text, "export")) == 10_000
