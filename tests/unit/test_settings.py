"""rsvpq.toml, RSVPQ_* and secret files: what becomes a setting, and what each mistake is answered with."""

import re
import tomllib
import traceback
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from types import NoneType

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import BaseModel, SecretStr, ValidationError

from rsvpq.http import auth
from rsvpq.lanes.limits import Limits, Rate
from rsvpq.policy import Action, Policy, Rule
from rsvpq.settings import ConfigError, Duration, Schedule, Settings, load_settings
from rsvpq.settings.environment import variable_name
from rsvpq.settings.keys import settable_keys
from rsvpq.settings.mailboxes import COLUMNS
from rsvpq.settings.policy import GroupCaps, RuleSettings
from rsvpq.settings.servers import PROTOCOLS, EwsSettings, WebDavSettings
from rsvpq.settings.toml_lines import KeyPath, key_lines, line_of

ROOT = Path(__file__).parents[2]
SECRET = "correct horse"
KEY = "0123456789abcdef"
#: Whatever is appended to it belongs to the server and begins on line 6.
GOOD = r"""mailboxes = "mailboxes.csv"
[servers.hq1]
url = "https://mail1.example.com"
username = 'EXAMPLE\svc-rsvpq'
password_file = "secrets/hq1"
"""
#: The same for Exchange Web Services; more begins on line 7.
EWS = GOOD + 'protocol = "ews"\n'
FULL = r"""
mode = "respond"
mailboxes = "mailboxes.csv"
[redis]
url = "rediss://rsvpq@queue-main/3"
password_file = "secrets/hq1"
namespace = "rsvpq-2"
sentinels = "queue1.example.com, queue2.example.com:26380"
sentinel_username = "watcher"
sentinel_password_file = "secrets/hq1"
intent_replicas = 1
ca_bundle = "secrets/hq1"
certificate = "secrets/hq1"
certificate_key = "secrets/hq1"
[servers.hq1]
protocol = "webdav"
url = "http://mail1.example.com:8080/mail"
username = "svc"
password = "plain"
allow_http = true
auth = "forms"
tls_minimum = "1.0"
ca_bundle = "secrets/hq1"
answers = "detect"
rate = "30/min"
burst = 2
concurrency = 3
connect_timeout = "500ms"
read_timeout = "1m"
[servers.hq2]
protocol = "ews"
url = "https://mail2.example.com/ews/own.asmx"
username = "svc"
password_file = "secrets/hq1"
auth = "ntlm"
access = "delegate"
schema = "2007"
marker = "off"
settle = "5m"
[limits]
rate = "1/s"
burst = 4
concurrency = 1
[lanes]
scans_released = 1
answers_released = 2
release_lease = "2m"
run_lease = "1h"
longest_run = "2h"
server_share = 25
remember = "1d"
[retry]
attempts = 1
first_delay = "1s"
longest_delay = "1s"
settle = "3s"
[responses]
after = "keep"
absorbed_within = "30m"
[policy]
internal_domains = "example.com, *.example.com"
external = "rules"
private = "rules"
delegate_copies = "rules"
past = "rules"
max_age = "30d"
no_response_requested = "skip"
details_only = "rules"
unknown_calendar = "rules"
busy_when = "tentative, busy"
cancellations = "process"
answer_text = "By a program."
confirmed = true
most_answers_per_scan = 5
most_answers_per_run = 50
[health]
stalled_after = "90s"
[audit]
retention = "7d"
most_records = 5000
hide = "subjects, addresses"
hash_key_file = "secrets/key"
[log]
format = "json"
[console]
listen = "0.0.0.0:8443"
logins_file = "secrets/hq1"
certificate = "secrets/hq1"
certificate_key = "secrets/hq1"
behind_proxy = true
proxies = "127.0.0.1, 10.0.0.0/24"
allow_http = true
session = "1h"
[[schedule]]
every = "1d"
[[schedule]]
every = "15m"
group = "pilot"
[[policy.rules]]
name = "rest"
decision = "tentative"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with all the files that the texts above speak of."""
    monkeypatch.chdir(tmp_path)
    return _filled(tmp_path)


@pytest.fixture(scope="module")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, for a test that runs many times and only reads."""
    folder = _filled(tmp_path_factory.mktemp("settings"))
    (folder / "rsvpq.toml").write_text(GOOD)
    return folder


def _filled(folder: Path) -> Path:
    (folder / "secrets").mkdir()
    (folder / "secrets" / "hq1").write_text(f"{SECRET}\n")
    (folder / "secrets" / "empty").write_text("\n")
    (folder / "secrets" / "key").write_text(f"{KEY}\n")
    (folder / "secrets" / "two-lines").write_bytes(b"user\r\nsecret\r\n")
    (folder / "secrets" / "latin-1").write_bytes("Schlüssel".encode("latin-1"))
    (folder / "mailboxes.csv").write_text("mailbox\nadele@example.com\n")
    return folder


def _load(text: str, environ: Mapping[str, str] | None = None) -> Settings:
    Path("rsvpq.toml").write_text(text)
    return load_settings(environ=environ or {})


def _problems(text: str, environ: Mapping[str, str] | None = None) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        _load(text, environ)
    return str(caught.value).splitlines()


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(("scheme", "module"), [("ntlm", "spnego"), ("negotiate", "gssapi"), ("negotiate", "krb5")])
def test_a_scheme_whose_extra_is_not_installed_is_one_problem(
    monkeypatch: pytest.MonkeyPatch, scheme: str, module: str
) -> None:
    def without(name: str) -> object:
        if name == module:
            raise ImportError(name)
        return object()

    monkeypatch.setattr(auth, "import_module", without)
    assert _problems(GOOD + f'auth = "{scheme}"') == [
        f"rsvpq.toml:6: servers.hq1.auth: {scheme} needs the module {module}; "
        f"in a checkout of rsvpq: pip install '.[{scheme}]'"
    ]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("given", ["1.3", '"1.3"'])
def test_a_version_of_tls_needs_no_quotes(given: str) -> None:
    assert _load(GOOD + f"tls_minimum = {given}").servers["hq1"].tls_minimum == "1.3"


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("keys", "complaint"),
    [
        ('hide = ["subject"]', "5: audit.hide: 'subject' cannot be redacted; write subjects, addresses or both"),
        ("hide = true", '5: audit.hide: is not a list; write it as ["subjects", "addresses"], or one of the two'),
        ('hide = ["subjects"]', "4: audit.hash_key_file: is missing, and hide needs it; make one with: openssl rand"),
        ('hash_key_file = "secrets/none"', "5: audit.hash_key_file: cannot read "),
        ('hash_key_file = "secrets/empty"', "5: audit.hash_key_file: "),
        ("most_records = 0", "5: audit.most_records: is not a whole number above zero; write one such as 4"),
    ],
)
def test_an_audit_that_cannot_be_hidden_as_asked_is_one_problem(keys: str, complaint: str) -> None:
    top, servers = GOOD.split("[servers.hq1]")
    (problem,) = _problems(f"{top}\n[audit]\n{keys}\n[servers.hq1]{servers}")
    assert problem.split(":", 1)[1].split(":", 1)[1].startswith(complaint.split(":", 1)[1])


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("keys", "complaint"),
    [
        ('listen = "0.0.0.0:5556"', "console.listen: 0.0.0.0:5556 can be reached from other machines, and passwords"),
        ('listen = "[::]:5556"', "console.listen: [::]:5556 can be reached from other machines, and passwords"),
        ('listen = "console.example.com:5556"\nbehind_proxy = true', "can be reached from other machines"),
        ('proxies = ["10.0.0.1"]', "console.proxies: is given without behind_proxy = true, so none would be trusted"),
        ('behind_proxy = true\nproxies = "10.0.0.1/8"', "console.proxies: is not a list of networks (10.0.0.1/8 has"),
        ("behind_proxy = true\nproxies = 7", "console.proxies: is not a list; write their addresses or networks"),
        ('listen = "5556"', "console.listen: '5556' is not an address and a port; write it as 127.0.0.1:5556"),
        ('listen = "127.0.0.1:99999"', "console.listen: '127.0.0.1:99999' is not an address and a port"),
        ('certificate_key = "secrets/key"', "console.certificate_key: is given without its certificate"),
        ('login_file = "secrets/key"', "console.login_file: is not a known key; did you mean logins_file?"),
        ('session = "8"', "console.session: "),
    ],
)
def test_a_console_that_others_could_reach_without_tls_is_one_problem(keys: str, complaint: str) -> None:
    top, servers = GOOD.split("[servers.hq1]")
    (problem,) = _problems(f"{top}\n[console]\n{keys}\n[servers.hq1]{servers}")
    assert complaint in problem


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    "keys",
    [
        'listen = "127.0.0.1:1"',
        'listen = "[::1]:1"',
        'listen = "localhost:1"',
        'listen = "0.0.0.0:1"\nallow_http = true',
        'listen = "0.0.0.0:1"\ncertificate = "secrets/none-yet"',
    ],
)
def test_a_console_listens_on_this_machine_or_with_tls_or_where_it_is_allowed(keys: str) -> None:
    top, servers = GOOD.split("[servers.hq1]")
    assert _load(f"{top}\n[console]\n{keys}\n[servers.hq1]{servers}").console.address[1] == 1


@pytest.mark.usefixtures("folder")
def test_a_key_that_can_be_tried_out_is_refused_and_not_shown(folder: Path) -> None:
    (folder / "secrets" / "key").write_text("secret")
    (problem,) = _problems(GOOD + '[audit]\nhide = ["subjects"]\nhash_key_file = "secrets/key"\n')
    assert "holds 6 characters; write 16 or more" in problem


@pytest.mark.usefixtures("folder")
def test_nothing_is_hidden_where_nothing_is_asked_for() -> None:
    assert (_load(GOOD).audit.hide, _load(GOOD).audit.hash_key) == ((), b"")


@pytest.mark.usefixtures("folder")
def test_a_minimal_file_gives_the_defaults() -> None:
    settings = _load(GOOD)

    assert settings.mode == "observe"
    assert settings.redis.password is None
    assert settings.servers["hq1"].url == "https://mail1.example.com/exchange/"
    assert settings.servers["hq1"].password.get_secret_value() == SECRET
    assert webdav_server(settings, "hq1").answers == "owa"
    assert settings.servers["hq1"].limits == Limits(Rate(10), burst=20, concurrency=4)
    assert settings.mailbox_limits == Limits(Rate(2), burst=5, concurrency=1)


def webdav_server(settings: Settings, name: str) -> WebDavSettings:
    """A server that is spoken to by WebDAV."""
    server = settings.servers[name]
    assert isinstance(server, WebDavSettings)
    return server


def ews_server(settings: Settings, name: str) -> EwsSettings:
    """A server that is spoken to by Exchange Web Services."""
    server = settings.servers[name]
    assert isinstance(server, EwsSettings)
    return server


@pytest.mark.usefixtures("folder")
def test_a_minimal_table_for_exchange_web_services_gives_its_defaults() -> None:
    server = ews_server(_load(EWS), "hq1")

    assert server.url == "https://mail1.example.com/EWS/Exchange.asmx"
    assert server.limits == Limits(Rate(10), burst=20, concurrency=8)
    assert (server.auth, server.access, server.schema_version) == ("basic", "impersonation", "detect")
    assert (server.marker, server.settle) == ("detect", Duration(120))


@pytest.mark.usefixtures("folder")
def test_the_environment_sets_keys_of_each_protocol() -> None:
    variables = {"RSVPQ_SERVERS__HQ1__PROTOCOL": "ews", "RSVPQ_SERVERS__HQ1__SCHEMA": "2010"}

    assert ews_server(_load(GOOD, variables), "hq1").schema_version == "2010"


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("path", ["", "/", "/EWS/Exchange.asmx", "/EWS/Exchange.asmx/"])
def test_the_path_of_exchange_web_services_may_be_left_out(path: str) -> None:
    server = ews_server(_load(EWS.replace(".com", f".com{path}")), "hq1")

    assert server.url == "https://mail1.example.com/EWS/Exchange.asmx"


@pytest.mark.usefixtures("folder")
def test_a_server_without_a_protocol_is_spoken_to_by_webdav() -> None:
    assert _load(GOOD) == _load(GOOD + 'protocol = "webdav"')
    assert isinstance(_load(GOOD).servers["hq1"], WebDavSettings)


@pytest.mark.usefixtures("folder")
def test_the_environment_can_name_the_protocol() -> None:
    assert _load(GOOD, {"RSVPQ_SERVERS__HQ1__PROTOCOL": "webdav"}).servers["hq1"].protocol == "webdav"


class _OtherServer(WebDavSettings):
    """A server of a protocol that has a key of its own."""

    tenant: str


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("text", "environ", "place"),
    [
        (GOOD + 'tenant = "x"', {}, "rsvpq.toml:6: servers.hq1.tenant"),
        (GOOD, {"RSVPQ_SERVERS__HQ1__TENANT": "x"}, "environment: RSVPQ_SERVERS__HQ1__TENANT"),
    ],
)
def test_a_key_of_another_protocol_is_refused_with_that_protocol(
    monkeypatch: pytest.MonkeyPatch, text: str, environ: dict[str, str], place: str
) -> None:
    monkeypatch.setitem(PROTOCOLS, "other", _OtherServer)

    assert _problems(text, environ) == [
        f'{place}: is only for protocol = "other"; leave it out, or correct the protocol'
    ]


#: What FULL gives by a file instead.
_INLINE = {("redis", "password"), ("redis", "sentinel_password")}


def by_table(keys: Iterable[KeyPath]) -> set[KeyPath]:
    """The keys, those of all servers taken together."""
    return {("servers", *key[2:]) if key[0] == "servers" else key for key in keys}


@pytest.mark.usefixtures("folder")
def test_every_key_can_be_set_in_the_file(folder: Path) -> None:
    settings = _load(FULL)
    server, other = webdav_server(settings, "hq1"), ews_server(settings, "hq2")

    assert by_table(settable_keys(["hq1"])) <= by_table({*key_lines(FULL), *_INLINE})
    assert (settings.mode, settings.mailboxes) == ("respond", folder / "mailboxes.csv")
    assert (settings.redis.url, settings.redis.service) == ("rediss://rsvpq@queue-main/3", "queue-main")
    assert settings.redis.database == 3
    assert settings.redis.sentinels == ("queue1.example.com:26379", "queue2.example.com:26380")
    assert (settings.redis.sentinel_username, settings.redis.intent_replicas) == ("watcher", 1)
    assert settings.redis.sentinel_password is not None
    assert settings.redis.sentinel_password.get_secret_value() == SECRET
    assert settings.redis.password is not None
    assert settings.redis.password.get_secret_value() == SECRET
    assert settings.redis.namespace == "rsvpq-2"
    assert settings.redis.tls["ssl_keyfile"] == str(folder / "secrets/hq1")
    assert (server.url, server.username) == ("http://mail1.example.com:8080/mail/", "svc")
    assert server.password.get_secret_value() == "plain"
    assert server.ca_bundle == folder / "secrets/hq1"
    assert server.answers == "detect"
    assert server.limits == Limits(Rate(0.5), burst=2, concurrency=3)
    assert (server.connect_timeout, server.read_timeout) == (Duration(0.5), Duration(60))
    assert (other.url, other.auth, other.access) == ("https://mail2.example.com/ews/own.asmx", "ntlm", "delegate")
    assert (other.schema_version, other.marker, other.settle) == ("2007", "off", Duration(300))
    assert settings.mailbox_limits == Limits(Rate(1), burst=4, concurrency=1)
    assert (settings.console.address, settings.console.logins_file) == (("0.0.0.0", 8443), folder / "secrets/hq1")  # noqa: S104 - a setting
    assert (settings.console.is_https, settings.console.session) == (True, Duration(3600))
    assert (settings.lanes.scans_released, settings.lanes.answers_released) == (1, 2)
    assert (settings.lanes.release_lease, settings.lanes.run_lease) == (Duration(120), Duration(3600))
    assert (settings.lanes.longest_run, settings.lanes.server_share) == (Duration(7200), 25)
    assert settings.lanes.remember == Duration(86_400)
    assert (settings.retry.attempts, settings.retry.first_delay) == (1, Duration(1))
    assert settings.retry.longest_delay == Duration(1)
    assert settings.retry.settle == Duration(3)
    assert (settings.responses.after, settings.responses.absorbed_within) == ("keep", Duration(1800))
    assert settings.decisions == Policy(
        mode="respond",
        rules=(Rule("rest", Action.TENTATIVE),),
        internal_domains=("example.com", "*.example.com"),
        external="rules",
        private="rules",
        delegate_copies="rules",
        past="rules",
        max_age=timedelta(days=30),
        no_response_requested="skip",
        details_only="rules",
        unknown_calendar="rules",
        busy_when=("tentative", "busy"),
        cancellations="process",
        answer_text="By a program.",
    )
    assert (settings.policy.most_answers_per_scan, settings.policy.most_answers_per_run) == (5, 50)
    assert settings.policy.confirmed
    assert settings.health.stalled_after == Duration(90)
    assert (settings.audit.retention, settings.audit.most_records) == (Duration(7 * 86_400), 5000)
    assert (settings.audit.hide, settings.audit.hash_key) == (("subjects", "addresses"), KEY.encode())
    assert settings.log.format == "json"
    assert settings.schedule == (Schedule(every=Duration(86_400)), Schedule(every=Duration(900), group="pilot"))


@pytest.mark.usefixtures("folder")
def test_a_file_of_the_sentinels_password_that_is_missing_is_named_by_its_key() -> None:
    (problem,) = _problems(GOOD + '[redis]\nurl = "redis://m/0"\nsentinels = ["s1"]\nsentinel_password_file = "no"')
    assert problem.startswith("rsvpq.toml:9: redis.sentinel_password_file: cannot read ")


@pytest.mark.usefixtures("folder")
def test_every_key_can_be_set_in_the_environment() -> None:
    table: dict[str, object] = tomllib.loads(FULL)
    environ = {
        variable_name(key): str(value)
        for key in settable_keys(["hq1", "hq2"])
        if (value := _value_at(table, key)) is not None
    }

    assert _load(FULL[FULL.index("[[schedule]]") :], environ) == _load(FULL)


def _value_at(table: object, key: KeyPath) -> object:
    for part in key:
        table = table.get(part) if isinstance(table, dict) else None
    return table


@pytest.mark.usefixtures("folder")
def test_the_environment_overrides_the_file() -> None:
    settings = _load(GOOD + "burst = 3", {"RSVPQ_SERVERS__HQ1__BURST": "7", "RSVPQ_MODE": "respond"})

    assert (settings.servers["hq1"].burst, settings.mode) == (7, "respond")


@pytest.mark.usefixtures("folder")
def test_the_url_of_redis_has_a_short_variable_too() -> None:
    assert _load(GOOD, {"RSVPQ_REDIS_URL": "unix:///run/redis.sock?db=1"}).redis.url == "unix:///run/redis.sock?db=1"


@pytest.mark.usefixtures("folder")
def test_a_server_can_be_given_by_the_environment_alone() -> None:
    branch = {"URL": "https://mail2.example.com", "USERNAME": "svc", "PASSWORD_FILE": "secrets/hq1"}

    settings = _load(GOOD, {f"RSVPQ_SERVERS__BRANCH_2__{key}": value for key, value in branch.items()})

    assert list(settings.servers) == ["hq1", "branch-2"]
    assert settings.servers["branch-2"].password.get_secret_value() == SECRET


def test_the_argument_wins_over_the_variable_and_the_variable_over_the_working_directory(folder: Path) -> None:
    for namespace in ("rsvpq", "variable", "argument"):
        (folder / f"{namespace}.toml").write_text(GOOD + f'[redis]\nnamespace = "{namespace}"\n')
    environ = {"RSVPQ_CONFIG": "variable.toml"}

    assert load_settings(environ={}).redis.namespace == "rsvpq"
    assert load_settings(environ=environ).redis.namespace == "variable"
    assert load_settings(Path("argument.toml"), environ).redis.namespace == "argument"


@pytest.mark.usefixtures("folder")
def test_without_an_environment_given_that_of_the_process_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("rsvpq.toml").write_text(GOOD)
    monkeypatch.setenv("RSVPQ_MODE", "respond")

    assert load_settings().mode == "respond"


def test_relative_paths_start_at_the_folder_of_the_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "rsvpq.toml").write_text(GOOD)
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)

    assert load_settings(Path("../rsvpq.toml"), {}).mailboxes.samefile(folder / "mailboxes.csv")


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(folder: Path) -> None:
    (folder / "rsvpq.toml").write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    (folder / "secrets" / "hq1").write_bytes(b"\xef\xbb\xbf" + SECRET.encode() + b"\r\n")

    assert load_settings(environ={}).servers["hq1"].password.get_secret_value() == SECRET


@pytest.mark.usefixtures("folder")
def test_settings_cannot_be_changed() -> None:
    settings = _load(GOOD)

    with pytest.raises(ValidationError, match="frozen"):
        settings.mode = "respond"  # type: ignore[misc]
    with pytest.raises(TypeError, match="does not support item assignment"):
        settings.servers["hq2"] = settings.servers["hq1"]  # type: ignore[index]


_RATE = "write a number above zero per s, min or h, such as 2/s or 30/min"
_DURATION = "write a number above zero in ms, s, m, h or d, such as 90s"
_ONE = (
    "would let a mailbox answer several requests at once, whose drafts cannot always be distinguished; write 1, and "
    "raise the rate and the burst, or the concurrency of the server, to go faster"
)
_COUNT = "is not a whole number above zero; write one such as 4"
_SENTINELS = 'write them as ["sentinel1.example.com:26379", "sentinel2.example.com:26379"]'
_REDIS = "write it as redis://HOST:6379/0, rediss://HOST:6379/0 or unix:///PATH?db=0"
_TABLE = "is not a table; write its name as [table], and its keys below"
_HTTPS = "write it as https://mail.example.com"
_QUOTES = "is not text; write it in quotes"
_SINGLE_QUOTES = r"contains a control character; write it in single quotes, as in 'EXAMPLE\test'"
_RULES = [
    ('mode = "respnd"\n' + GOOD, "1: mode: 'respnd' is not a known value; did you mean respond?"),
    ("mode = 1\n" + GOOD, "1: mode: 1 is not a known value; use one of: observe, respond"),
    (GOOD.split("\n", 1)[1], '1: mailboxes: is missing; add mailboxes = "mailboxes.csv"'),
    ("mailboxes = 1" + GOOD[GOOD.index("\n") :], f"1: mailboxes: {_QUOTES}"),
    ('mailboxes = " "' + GOOD[GOOD.index("\n") :], "1: mailboxes: is empty; write a value, or leave it out"),
    (
        'mailboxes = "mailboxes.csv"\n',
        "1: servers: is missing; add a table such as [servers.hq1], with url, username and password_file",
    ),
    (
        'mailboxes = "mailboxes.csv"\n[servers]\n',
        "2: servers: is missing; add a table such as [servers.hq1], with url, username and password_file",
    ),
    ('mailboxes = "mailboxes.csv"\nservers = 1\n', f"2: servers: {_TABLE}"),
    ('mailboxes = "mailboxes.csv"\nservers.hq1 = 1\n', f"2: servers.hq1: {_TABLE}"),
    ("redis = 1\n" + GOOD, f"1: redis: {_TABLE}"),
    ("modes = 1\n" + GOOD, "1: modes: is not a known key; did you mean mode?"),
    (GOOD + "pasword = 1", "6: servers.hq1.pasword: is not a known key; did you mean password?"),
    (
        GOOD + "[responses]\nwhen = 1",
        "7: responses.when: is not a known key; use one of: absorbed_within, after",
    ),
    (
        GOOD + 'mode = "respond"',
        "6: servers.hq1.mode: is not a known key; it belongs at the top of the file, above the first [table]",
    ),
    (
        GOOD.replace("hq1]", "HQ1]"),
        "2: servers.HQ1: is not a server name; use lowercase letters, digits and hyphens, such as hq1",
    ),
    (GOOD.replace("https:", "ftp:"), f"3: servers.hq1.url: has the scheme ftp; {_HTTPS}"),
    (GOOD.replace("https://", ""), f"3: servers.hq1.url: is not a URL; {_HTTPS}"),
    (
        GOOD.replace("https:", "http:"),
        "3: servers.hq1.url: sends the password unencrypted; use https, or set allow_http = true",
    ),
    (
        GOOD.replace("mail1.", "svc:pw@mail1."),
        "3: servers.hq1.url: contains a user name or a password; use username and password_file for them",
    ),
    (
        GOOD.replace(".com", ".com/exchange?x"),
        "3: servers.hq1.url: has a query or a fragment; remove everything from ? or # on",
    ),
    (
        re.sub("url.*\n", "", GOOD),
        '2: servers.hq1.url: is missing; add url = "https://mail.example.com"',
    ),
    (
        re.sub("user.*\n", "", GOOD),
        r"2: servers.hq1.username: is missing; add username = 'EXAMPLE\svc-rsvpq'",
    ),
    (re.sub("'.*'", '""', GOOD), "4: servers.hq1.username: is empty; write a value, or leave it out"),
    (re.sub("'.*'", r'"EXAMPLE\\test"', GOOD), f"4: servers.hq1.username: {_SINGLE_QUOTES}"),
    (
        re.sub("password.*\n", "", GOOD),
        '2: servers.hq1.password: is missing or empty; add password_file = "PATH" of a file that holds it',
    ),
    (re.sub("password.*\n", "password = 1\n", GOOD), f"5: servers.hq1.password: {_QUOTES}"),
    (GOOD.replace('"secrets/hq1"', "1"), f"5: servers.hq1.password_file: {_QUOTES}"),
    (
        GOOD + 'password = "x"',
        "5: servers.hq1.password_file: is given as well as password; keep one of the two",
    ),
    (
        GOOD.replace("secrets/hq1", "secrets/hq2"),
        "5: servers.hq1.password_file: cannot read FOLDER/secrets/hq2 (No such file or directory); "
        "create it or correct the path",
    ),
    (
        GOOD.replace("secrets/hq1", "secrets"),
        "5: servers.hq1.password_file: cannot read FOLDER/secrets (Is a directory); create it or correct the path",
    ),
    (
        GOOD.replace("secrets/hq1", "secrets/empty"),
        "5: servers.hq1.password_file: FOLDER/secrets/empty is empty; write the secret into it",
    ),
    (
        GOOD.replace("secrets/hq1", "secrets/two-lines"),
        "5: servers.hq1.password_file: FOLDER/secrets/two-lines has 2 lines; put only the secret in it, on one line",
    ),
    (
        re.sub("password.*\n", r'password = "user\\nsecret"' + "\n", GOOD),
        "5: servers.hq1.password: has more than one line; write the secret without line breaks",
    ),
    (
        GOOD.replace("secrets/hq1", "secrets/latin-1"),
        "5: servers.hq1.password_file: FOLDER/secrets/latin-1 is not UTF-8 text; save it as UTF-8",
    ),
    (
        GOOD + 'ca_bundle = "ca.pem"',
        "6: servers.hq1.ca_bundle: there is no file FOLDER/ca.pem; create it or correct the path",
    ),
    (GOOD + 'protocol = "imap"', "6: servers.hq1.protocol: 'imap' is not a known value; use one of: ews, webdav"),
    (GOOD + 'protocol = "dav"', "6: servers.hq1.protocol: 'dav' is not a known value; did you mean webdav?"),
    (GOOD + "protocol = 1", "6: servers.hq1.protocol: 1 is not a known value; use one of: ews, webdav"),
    (
        EWS + 'answers = "owa"',
        '7: servers.hq1.answers: is only for protocol = "webdav"; leave it out, or correct the protocol',
    ),
    *(
        (
            f"{GOOD}{key} = 1",
            f'6: servers.hq1.{key}: is only for protocol = "ews"; leave it out, or correct the protocol',
        )
        for key in ("access", "schema", "marker", "settle")
    ),
    (
        EWS + 'auth = "forms"',
        "7: servers.hq1.auth: 'forms' is not a known value; use one of: basic, negotiate, ntlm",
    ),
    (
        EWS + 'access = "owner"',
        "7: servers.hq1.access: 'owner' is not a known value; use one of: delegate, impersonation",
    ),
    (EWS + 'schema = "2013"', "7: servers.hq1.schema: '2013' is not a known value; did you mean 2010?"),
    (EWS + "marker = true", "7: servers.hq1.marker: True is not a known value; use one of: detect, off, on"),
    (
        EWS + 'settle = "119s"',
        "7: servers.hq1.settle: 119s is less than read_timeout (1m) + 1m; write 2m or more",
    ),
    (
        EWS + 'read_timeout = "75s"',
        "2: servers.hq1.settle: 2m is less than read_timeout (75s) + 1m; write 135s or more",
    ),
    *(
        (
            EWS.replace(".com", f".com{path}"),
            f"3: servers.hq1.url: has the path {path.rstrip('/')}; leave it out, or write that of Exchange Web "
            "Services, as /EWS/Exchange.asmx",
        )
        for path in ("/exchange/", "/EWS")
    ),
    (
        EWS.replace("https:", "http:"),
        "3: servers.hq1.url: sends the password unencrypted; use https, or set allow_http = true",
    ),
    (GOOD + 'auth = "form"', "6: servers.hq1.auth: 'form' is not a known value; did you mean forms?"),
    (
        GOOD + 'tls_minimum = "1"',
        "6: servers.hq1.tls_minimum: '1' is not a known value; use one of: 1.0, 1.1, 1.2, 1.3",
    ),
    (GOOD + "allow_http = 7", "6: servers.hq1.allow_http: is neither true nor false; write one of the two"),
    (GOOD + "rate = 5", f"6: servers.hq1.rate: '5' is not a rate; {_RATE}"),
    (GOOD + 'rate = "0/s"', f"6: servers.hq1.rate: '0/s' is not a rate; {_RATE}"),
    (GOOD + "burst = 0", f"6: servers.hq1.burst: {_COUNT}"),
    (GOOD + "burst = true", f"6: servers.hq1.burst: {_COUNT}"),
    (GOOD + "concurrency = 1.5", f"6: servers.hq1.concurrency: {_COUNT}"),
    (GOOD + 'concurrency = "many"', f"6: servers.hq1.concurrency: {_COUNT}"),
    *((GOOD + f"[limits]\nconcurrency = {several}", f"7: limits.concurrency: {several} {_ONE}") for several in (2, 4)),
    (GOOD + "read_timeout = 60", f"6: servers.hq1.read_timeout: '60' is not a duration; {_DURATION}"),
    (GOOD + 'connect_timeout = "0s"', f"6: servers.hq1.connect_timeout: '0s' is not a duration; {_DURATION}"),
    (GOOD + '[redis]\nurl = "http://h"', f"7: redis.url: has the scheme http; {_REDIS}"),
    (GOOD + '[redis]\nurl = "localhost"', f"7: redis.url: is not a URL; {_REDIS}"),
    (
        GOOD + '[redis]\nurl = "redis://h/main"',
        f"7: redis.url: lacks a host, a path or a database number; {_REDIS}",
    ),
    (GOOD + '[redis]\nurl = "redis:///0"', f"7: redis.url: lacks a host, a path or a database number; {_REDIS}"),
    (GOOD + '[redis]\nurl = "unix://"', f"7: redis.url: lacks a host, a path or a database number; {_REDIS}"),
    (
        GOOD + '[redis]\nurl = "redis://:pw@h"',
        "7: redis.url: contains a password, but URLs are printed; use redis.password_file for it",
    ),
    (
        GOOD + '[redis]\nurl = "redis://h?password=pw"',
        "7: redis.url: contains a password, but URLs are printed; use redis.password_file for it",
    ),
    (
        GOOD + '[redis]\nurl = "rediss://h?ssl_cert_reqs=none"',
        "7: redis.url: sets ssl_cert_reqs after the ?; remove it, and use redis.ca_bundle for TLS",
    ),
    (
        GOOD + '[redis]\nca_bundle = "secrets/hq1"',
        "7: redis.ca_bundle: requires TLS, but url does not use it; write rediss:// in url, or leave this out",
    ),
    (
        GOOD + '[redis]\nurl = "rediss://h"\ncertificate_key = "secrets/hq1"',
        "8: redis.certificate_key: is given without its certificate; set certificate to the path of it",
    ),
    (
        GOOD + '[redis]\npassword = ""',
        "7: redis.password: is empty; write the secret, or use password_file instead",
    ),
    (
        GOOD + '[redis]\nsentinels = ["s1:26379"]',
        "6: redis.url: is redis://127.0.0.1:6379/0, but the sentinels know the address; write the name of the service "
        "in its place, such as redis://mymaster/0, or leave out sentinels",
    ),
    (
        GOOD + '[redis]\nurl = "rediss://s1:6379"\nsentinels = ["s1:26379"]',
        "7: redis.url: is rediss://s1:6379, but the sentinels know the address; write the name of the service in "
        "its place, such as rediss://mymaster/0, or leave out sentinels",
    ),
    (
        GOOD + '[redis]\nurl = "unix:///run/redis.sock"\nsentinels = ["s1:26379"]',
        "7: redis.url: is unix:///run/redis.sock, but the sentinels know the address; write the name of the service in "
        "its place, such as redis://mymaster/0, or leave out sentinels",
    ),
    *(
        (
            GOOD + f'[redis]\nurl = "redis://mymaster/0"\nsentinels = ["{wrong}"]',
            f"8: redis.sentinels: '{wrong}' is not the address of a sentinel; {_SENTINELS}",
        )
        for wrong in ("", "redis://s1", "s1:port", "user@s1", "s1:99999")
    ),
    (
        GOOD + '[redis]\nurl = "redis://mymaster/0"\nsentinels = 1',
        f"8: redis.sentinels: is not a list; {_SENTINELS}",
    ),
    (
        GOOD + "[redis]\nintent_replicas = 1",
        "7: redis.intent_replicas: is only for a Redis with sentinels; set sentinels, or leave this out",
    ),
    (
        GOOD + '[redis]\nsentinel_password = "secret"',
        "7: redis.sentinel_password: is only for a Redis with sentinels; set sentinels, or leave this out",
    ),
    (
        GOOD + '[redis]\nnamespace = "My App"',
        "7: redis.namespace: 'My App' is not a namespace; use lowercase letters, digits and hyphens, such as rsvpq",
    ),
    (
        GOOD + '[lanes]\nrun_lease = "140s"',
        "7: lanes.run_lease: 140s is too short for servers.hq1, where one request may take 70s "
        "(connect_timeout + read_timeout); write more than 140s, twice that",
    ),
    (
        GOOD + "[lanes]\nserver_share = 101",
        "7: lanes.server_share: 101 is more than 100 percent; write 1 to 100, such as 50 for half",
    ),
    (
        GOOD + 'read_timeout = "2m"',
        "1: lanes.run_lease: 3m is too short for servers.hq1, where one request may take 130s "
        "(connect_timeout + read_timeout); write more than 260s, twice that",
    ),
    (
        GOOD + '[retry]\nfirst_delay = "20m"',
        "6: retry.longest_delay: 15m is shorter than first_delay (20m); write 20m or more",
    ),
    (
        GOOD + 'answers = "ical"',
        "6: servers.hq1.answers: 'ical' is not a known value; did you mean icalendar?",
    ),
    (
        GOOD + '[responses]\nafter = "delet"',
        "7: responses.after: 'delet' is not a known value; did you mean delete?",
    ),
    (
        GOOD + '[schedule]\nevery = "1m"',
        "6: schedule: is not a list of tables; write [[schedule]], in two pairs of brackets, above each",
    ),
    (
        GOOD + '[[schedule]]\nevery = "1m"\n[[schedule]]\ngroup = "pilot"',
        '8: schedule[1].every: is missing; add every = "15m", or cron = "*/15 7-19 * * mon-fri"',
    ),
    (
        GOOD + '[[schedule]]\nevery = "1ms"',
        "7: schedule[0].every: 1ms is shorter than a second; write 1s or more, such as 15m",
    ),
    (
        GOOD + '[[schedule]]\nevery = "1m"\ncron = "0 7 * * *"\ntimezone = "UTC"',
        "8: schedule[0].cron: is given as well as every; keep one of the two",
    ),
    (
        GOOD + '[[schedule]]\ncron = "0 7 * * *"',
        "6: schedule[0].timezone: is missing, and cron need it; add one such as Europe/Vienna, or UTC",
    ),
    (
        GOOD + '[[schedule]]\nevery = "1m"\nquiet = "22:00-06:00"',
        "6: schedule[0].timezone: is missing, and quiet need it; add one such as Europe/Vienna, or UTC",
    ),
    (
        GOOD + '[[schedule]]\ncron = "0 7 * * *"\ntimezone = "Europe/Viena"',
        "8: schedule[0].timezone: 'Europe/Viena' is not a time zone; did you mean Europe/Vienna?",
    ),
    (
        GOOD + '[[schedule]]\ncron = "0 7 * *"',
        "7: schedule[0].cron: '0 7 * *' has not five fields; write minute, hour, day, month and weekday",
    ),
    (
        GOOD + '[[schedule]]\ncron = "0 25 * * *"',
        "7: schedule[0].cron: '0 25 * * *' has a wrong hour; write it as in */15 7-19 * * mon-fri",
    ),
    (
        GOOD + '[[schedule]]\ncron = "0 0 30 2 *"',
        "7: schedule[0].cron: '0 0 30 2 *' has a wrong day-of-month; write it as in */15 7-19 * * mon-fri",
    ),
    (
        GOOD + '[[schedule]]\nevery = "1m"\nquiet = ["22-6"]\ntimezone = "UTC"',
        "8: schedule[0].quiet: '22-6' is not a part of a day; write when it begins and ends, as in 22:00-06:00",
    ),
    (
        GOOD + '[[schedule]]\nevery = "1m"\nquiet = ["00:00-12:00", "11:00-00:00"]\ntimezone = "UTC"',
        "8: schedule[0].quiet: leaves no time of the day; make it shorter",
    ),
    (
        GOOD + '[[schedule]]\nevery = "1m"\njitter = "1m"',
        "8: schedule[0].jitter: 1m is not shorter than every (1m); write less",
    ),
    (
        GOOD + '[[schedule]]\nevery = "1m"\ntimezon = "UTC"',
        "8: schedule[0].timezon: is not a known key; did you mean timezone?",
    ),
    (
        GOOD + '[[schedule]]\nevery = "1m"\ngroup = ""',
        "8: schedule[0].group: is empty; write a value, or leave it out",
    ),
    (
        GOOD + "[limits\n",
        "6: column 8: not valid TOML: Expected ']' at the end of a table declaration; "
        "write text in quotes, and each key = value on its own line",
    ),
    (
        GOOD + "burst = [1,",
        "6: end of file: not valid TOML: Invalid value; write text in quotes, and each key = value on its own line",
    ),
    (
        GOOD.replace("'", '"'),
        r"4: column 22: not valid TOML: Unescaped '\' in a string; "
        r"write text with a backslash in single quotes, as in 'EXAMPLE\name'",
    ),
]


@pytest.mark.parametrize(("text", "expected"), _RULES, ids=[expected for _, expected in _RULES])
def test_each_broken_rule_names_file_line_field_and_remedy(folder: Path, text: str, expected: str) -> None:
    assert _problems(text) == [f"rsvpq.toml:{expected}".replace("FOLDER", str(folder))]


_HQ1 = "RSVPQ_SERVERS__HQ1__"
_VARIABLES = [
    ({"RSVPQ_MODE": "answer"}, "RSVPQ_MODE: 'answer' is not a known value; use one of: observe, respond"),
    ({"RSVPQ_MODE": ""}, "RSVPQ_MODE: '' is not a known value; use one of: observe, respond"),
    ({"RSVPQ_LANES__RUN_LEASE": "1"}, f"RSVPQ_LANES__RUN_LEASE: '1' is not a duration; {_DURATION}"),
    ({f"{_HQ1}BURST": "many"}, f"{_HQ1}BURST: {_COUNT}"),
    ({f"{_HQ1}ALLOW_HTTP": "maybe"}, f"{_HQ1}ALLOW_HTTP: is neither true nor false; write one of the two"),
    (
        {f"{_HQ1}PASSWORD_FILE": "x"},
        f"{_HQ1}PASSWORD_FILE: cannot read FOLDER/x (No such file or directory); create it or correct the path",
    ),
    ({f"{_HQ1}PROTOCOL": "imap"}, f"{_HQ1}PROTOCOL: 'imap' is not a known value; use one of: ews, webdav"),
    ({f"{_HQ1}PASWORD": "x"}, f"{_HQ1}PASWORD: is not a known variable; did you mean {_HQ1}PASSWORD?"),
    (
        {"RSVPQ_SERVERS__HQ__BURST": "1"},
        f"RSVPQ_SERVERS__HQ__BURST: is not a known variable; did you mean {_HQ1}BURST?",
    ),
    (
        {"RSVPQ_REDIS_NAMESPACE": "x"},
        "RSVPQ_REDIS_NAMESPACE: is not a known variable; did you mean RSVPQ_REDIS__NAMESPACE?",
    ),
    ({"rsvpq_mode": "x"}, "rsvpq_mode: is not a known variable; did you mean RSVPQ_MODE?"),
    ({"RSVPQ_CONFG": "x"}, "RSVPQ_CONFG: is not a known variable; did you mean RSVPQ_CONFIG?"),
    ({"RSVPQ_OPERATR": "x"}, "RSVPQ_OPERATR: is not a known variable; did you mean RSVPQ_OPERATOR?"),
    ({"RSVPQ_SCHEDULE": "x"}, "RSVPQ_SCHEDULE: a schedule cannot be set here; write it as [[schedule]] in the file"),
    (
        {"RSVPQ_POLICY__RULES": "x"},
        "RSVPQ_POLICY__RULES: a rule cannot be set here; write it as [[policy.rules]] in the file",
    ),
    ({"RSVPQ_CONFIG": "x.toml"}, "RSVPQ_CONFIG: there is no file 'x.toml'; correct the path, or unset the variable"),
    (
        {"RSVPQ_CONFIG": "/dev/null"},
        "RSVPQ_CONFIG: '/dev/null' is not a regular file; correct the path, or unset the variable",
    ),
    (
        {"RSVPQ_CONFIG": "rsvpq.toml/rsvpq.toml"},
        "RSVPQ_CONFIG: 'rsvpq.toml/rsvpq.toml' cannot be read (Not a directory); "
        "correct the path, or unset the variable",
    ),
    (
        {"RSVPQ_REDIS_URL": "redis://h", "RSVPQ_REDIS__URL": "redis://h"},
        "RSVPQ_REDIS__URL: sets the same key as RSVPQ_REDIS_URL; keep one of the two",
    ),
]


@pytest.mark.parametrize(("environ", "expected"), _VARIABLES, ids=[expected for _, expected in _VARIABLES])
def test_each_wrong_variable_is_named_with_its_remedy(folder: Path, environ: dict[str, str], expected: str) -> None:
    assert _problems(GOOD, environ) == [f"environment: {expected}".replace("FOLDER", str(folder))]


@pytest.mark.usefixtures("folder")
def test_a_file_of_brackets_is_a_problem_and_no_crash() -> None:
    assert _problems("servers = " + "[" * 100_000) == [
        "rsvpq.toml: text: is nested too deeply; write each table with a header of its own"
    ]


@pytest.mark.usefixtures("folder")
def test_a_secret_in_both_the_file_and_the_environment_is_refused() -> None:
    expected = "rsvpq.toml:5: servers.hq1.password_file: is given as well as password; keep one of the two"

    assert _problems(GOOD, {f"{_HQ1}PASSWORD": "x"}) == [expected]


@pytest.mark.usefixtures("folder")
def test_what_a_server_of_the_environment_lacks_is_asked_of_the_environment() -> None:
    assert _problems(GOOD, {"RSVPQ_SERVERS__HQ2__URL": "https://mail2.example.com"}) == [
        r"environment: RSVPQ_SERVERS__HQ2__USERNAME: is missing; add username = 'EXAMPLE\svc-rsvpq'",
        "environment: RSVPQ_SERVERS__HQ2__PASSWORD: is missing or empty; "
        'add password_file = "PATH" of a file that holds it',
    ]


@pytest.mark.usefixtures("folder")
def test_a_variable_for_what_is_no_table_in_the_file_does_not_hide_the_mistake() -> None:
    assert _problems("redis = 1\n" + GOOD, {"RSVPQ_REDIS_URL": "redis://h"}) == [f"rsvpq.toml:1: redis: {_TABLE}"]


@pytest.mark.usefixtures("folder")
def test_all_problems_are_reported_at_once_in_file_order_and_the_environment_last() -> None:
    text = 'mode = "x"\n' + GOOD + 'rate = "x"\nbusrt = 1\n[redis]\nurl = "x"\n[limits]\nburst = 0\n'

    problems = _problems(text, {"RSVPQ_RETRY__ATTEMPTS": "0", "RSVPQ_MODES": "x"})

    assert [problem.split(": ")[:2] for problem in problems] == [
        ["rsvpq.toml:1", "mode"],
        ["rsvpq.toml:7", "servers.hq1.rate"],
        ["rsvpq.toml:8", "servers.hq1.busrt"],
        ["rsvpq.toml:10", "redis.url"],
        ["rsvpq.toml:12", "limits.burst"],
        ["environment", "RSVPQ_MODES"],
        ["environment", "RSVPQ_RETRY__ATTEMPTS"],
    ]


def test_a_file_that_is_missing_is_named_with_the_ways_to_give_another(folder: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(environ={})

    remedy = "correct the path, or name the file with --config or RSVPQ_CONFIG"
    assert str(caught.value) == f"rsvpq.toml: file: cannot be read (No such file or directory); {remedy}"
    assert not (folder / "rsvpq.toml").exists()


def test_a_file_that_is_not_utf_8_is_named_with_the_line(folder: Path) -> None:
    (folder / "rsvpq.toml").write_bytes("# a comment\n# Prüfung".encode("latin-1"))

    with pytest.raises(ConfigError) as caught:
        load_settings(environ={})

    assert str(caught.value) == "rsvpq.toml:2: text: is not UTF-8; save the file as UTF-8"


@pytest.mark.usefixtures("folder")
def test_a_name_with_a_line_break_cannot_break_the_line_of_a_message() -> None:
    problems = _problems('"a\\nb\\u001b[31m" = 1\n' + GOOD)

    assert len(problems) == 1
    assert problems[0].startswith(r"rsvpq.toml:1: a\nb\x1b[31m: is not a known key")


_LEAKS = [
    GOOD + f'rate = "x"\npassword = "{SECRET}"',
    GOOD + f'[redis]\nurl = "redis://:{SECRET.replace(" ", "")}@h"',
    GOOD + f'[redis]\npassword = ["{SECRET}"]',
    GOOD + f'[redis]\npassword = "{SECRET}"\nx = "{SECRET}"',
    GOOD.replace("mail1", f"svc:{SECRET.replace(' ', '')}@mail1"),
    GOOD + f'pasword = "{SECRET}"',
    GOOD + f'password = "{SECRET}',
]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("text", _LEAKS)
def test_no_error_and_no_traceback_shows_a_secret(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        _load(text, {f"{_HQ1}PASWORD": SECRET})

    shown = str(caught.value) + repr(caught.value) + "".join(traceback.format_exception(caught.value))
    assert "horse" not in shown
    assert caught.value.__context__ is None


@pytest.mark.usefixtures("folder")
def test_settings_never_show_a_secret() -> None:
    settings = _load(GOOD)

    assert "horse" not in str(settings) + repr(settings) + settings.model_dump_json() + repr(settings.model_dump())


_NAMES = sorted({*map(variable_name, settable_keys(["hq1"])), "RSVPQ_REDIS_URL", "RSVPQ_CONFIG", "RSVPQ_OPERATOR"})


@st.composite
def _mistyped_names(draw: st.DrawFn) -> str:
    """A name with one letter too many, too few or wrong."""
    name = draw(st.sampled_from(_NAMES))
    at = draw(st.integers(len("RSVPQ_"), len(name) - 1))
    cut = draw(st.sampled_from((0, 1)))
    typed = draw(st.text(st.sampled_from("ABCXYZ_019e"), min_size=1 - cut, max_size=1))
    return name[:at] + typed + name[at + cut :]


@given(name=_mistyped_names(), value=st.sampled_from(["x", "1", "1s", "1/s", "true", "redis://h", "https://h"]))
def test_any_mistyped_variable_is_refused(shared_folder: Path, name: str, value: str) -> None:
    assume(name not in _NAMES)

    with pytest.raises(ConfigError, match=r"environment: RSVPQ_"):
        load_settings(shared_folder / "rsvpq.toml", {name: value})


_TOML = '''\
# [comment]
top = """
[not.a.table]
x = 1 \\""" """""  # two quotes of its own

"quoted.key" = 'a # b'
[ servers . "hq.1" ]  # comment with = and [
list = [  # [
  "]", # ]
  { a = 1 },
]
dotted.key = 1
literal = \'\'\'
]]
\'\'\'
after = 1
[[schedule]]
every = "1s"
[[schedule]]

every = "2s"
[schedule.inner]
x = 1
[[schedule.inner_list]]
y = 1
'''


@pytest.mark.parametrize(
    ("key", "line"),
    [
        (("top",), 2),
        (("quoted.key",), 6),
        (("servers",), 7),
        (("servers", "hq.1"), 7),
        (("servers", "hq.1", "list"), 8),
        (("servers", "hq.1", "list", 1, "a"), 8),
        (("servers", "hq.1", "dotted", "key"), 12),
        (("servers", "hq.1", "literal"), 13),
        (("servers", "hq.1", "after"), 16),
        (("servers", "hq.1", "missing"), 7),
        (("schedule", 0, "every"), 18),
        (("schedule", 1), 19),
        (("schedule", 1, "every"), 21),
        (("schedule", 1, "inner", "x"), 23),
        (("schedule", 1, "inner_list", 0, "y"), 25),
        (("not", "there"), 1),
    ],
)
def test_the_line_of_a_key_is_found_whatever_stands_around_it(key: KeyPath, line: int) -> None:
    tomllib.loads(_TOML)

    assert line_of(key, key_lines(_TOML)) == line


@pytest.mark.parametrize("text", ["500ms", "90s", "15m", "36h", "7d", "1500ms"])
def test_a_duration_reads_what_it_writes(text: str) -> None:
    assert str(Duration.parse(text)) == text


@pytest.mark.parametrize(("text", "expected"), [("1.5m", "90s"), ("60s", "1m"), ("0.5ms", "0.0005s")])
def test_a_duration_is_written_in_the_largest_unit_that_fits(text: str, expected: str) -> None:
    assert str(Duration.parse(text)) == expected
    assert Duration.parse(expected) == Duration.parse(text)


@pytest.mark.parametrize("text", ["", "90", "0s", "-1s", "1 week", "1h30m", "s", "\u0661s"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        Duration.parse(text)


_READ: dict[type, Callable[[str], object]] = {
    Duration: Duration.parse,
    Rate: Rate.parse,
    bool: {"true": True, "false": False}.get,
    int: int,
    str: str,
    tuple: lambda text: () if text == "none" else tuple(text.split("`, `")),
    NoneType: {"none": None}.__getitem__,
}


def test_the_documented_defaults_are_those_of_the_code() -> None:
    reference = (ROOT / "docs/settings.md").read_text().split("## Keys")[1].split("## The list of mailboxes")[0]
    general, of_ews = re.split(r"^### Exchange Web Services\n", reference, flags=re.MULTILINE)
    of_ews, rest = of_ews.split("### ", 1)

    _assert_documented(general + rest, _defaults(WebDavSettings))
    common = _defaults(WebDavSettings)
    own = {key: default for key, default in _defaults(EwsSettings).items() if common.get(key, common) != default}
    del own["servers.NAME.protocol"]
    _assert_documented(of_ews, own)


def _assert_documented(reference: str, defaults: Mapping[str, object]) -> None:
    rows = re.findall(r"^\| `([\w.]+)` \|(?:[^|]*\|){2} ([^|]+) \|", reference, re.MULTILINE)

    assert [key for key, _ in rows if key not in defaults] == []
    assert {key: _READ[type(defaults[key])](text.strip("`")) for key, text in rows} == defaults


def _defaults(server: type[BaseModel]) -> dict[str, object]:
    tables: dict[str, type[BaseModel]] = {"": Settings, "servers.NAME.": server, "schedule.": Schedule}
    tables |= {"policy.rules.": RuleSettings, "policy.groups.": GroupCaps}
    for name, field in Settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            tables[f"{name}."] = field.annotation
    defaults = {
        prefix + (field.alias or name): "required"
        if field.is_required()
        else field.get_default(call_default_factory=True)
        for prefix, table in tables.items()
        for name, field in table.model_fields.items()
        if (prefix, name) != ("", "servers") and (prefix, name) != ("", "schedule") and f"{prefix}{name}." not in tables
    }
    assert defaults.pop("servers.NAME.password") == SecretStr("")  # which stands for none
    return defaults | {"servers.NAME.password": None}


def test_the_documented_columns_are_those_of_the_code() -> None:
    section = (ROOT / "docs/settings.md").read_text().split("## The list of mailboxes")[1].split("## Messages")[0]

    assert tuple(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == COLUMNS
