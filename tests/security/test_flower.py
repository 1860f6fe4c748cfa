"""Flower lets nobody in without a login: not to its pages, nor to its API, nor to anything that changes something."""

import logging
import os
import re
import runpy
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from email.message import Message
from http import HTTPStatus
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from flower.urls import handlers  # type: ignore[import-untyped]

from testbed.processes import WAIT_S, Part, free_port
from testbed.simulated_exchange import account_file
from tests.support.installation import Installation

pytestmark = pytest.mark.usefixtures("tornado_headers")

CONFIG = Path(__file__).parents[2] / "deploy" / "flowerconfig.py"
#: What Flower never asks a login for: health and numbers, files of its own, and the way out.
OPEN = {"/metrics", "/healthcheck", "/static/x", "/login", "/logout"}
LOGINS = "anna:pass word\nbob:x:y\n"


def command(port: int) -> list[str]:
    options = ["--address=127.0.0.1", f"--port={port}", f"--conf={CONFIG}"]
    return [str(Path(sys.executable).with_name("celery")), "-A", "producer.app", "flower", *options]


@pytest.fixture
def flower(installation: Installation) -> Iterator[str]:
    """Its URL."""
    port, login = free_port(), account_file(installation.directory, "login", LOGINS.strip())
    environment = {**installation.environment, "FLOWER_LOGIN_FILE": str(login)}
    part = Part("flower", command(port), log=installation.directory / "flower.log", env=environment)
    url = f"http://127.0.0.1:{port}"
    try:
        part.wait_for(lambda: answers(url), "Flower answers")
        yield url
    finally:
        part.end()


def answers(url: str) -> bool:
    try:
        return status(url + "/healthcheck") == HTTPStatus.OK
    except OSError:
        return False


def status(url: str, login: str = "", method: str = "GET", scheme: str = "Basic") -> int:
    request = Request(url, method=method)  # noqa: S310 - loopback http
    if login:
        request.add_header("Authorization", f"{scheme} {b64encode(login.encode()).decode()}")
    try:
        with urlopen(request, timeout=WAIT_S) as answer:  # noqa: S310 - loopback http
            return int(answer.status)
    except HTTPError as error:
        return error.code


def paths() -> list[str]:
    """A path for each of Flower's own routes."""
    patterns = [getattr(route, "regex", None) or re.compile(route[0]) for route in handlers]
    found = [re.sub(r"\(.[*+]\)", "x", pattern.pattern.removesuffix("$")) for pattern in patterns]
    return sorted({path.replace("/?", "") for path in found} - {".*", ".x"})


def test_every_route_asks_for_a_login(flower: str) -> None:
    routes = paths()
    assert {"/api/tasks", "/api/task/async-apply/x", "/api/worker/shutdown/x", "/tasks", "/broker"} <= set(routes)
    for path in routes:
        for method in ("GET", "POST"):
            found = status(flower + path, method=method)
            # A method that a route does not have is refused before anything else.
            assert found in {401, 405} or path in OPEN, f"{method} {path} answered {found}"
    assert status(flower + "/api/task/async-apply/producer.scan", method="POST") == 401


def test_only_a_right_login_is_let_in(flower: str) -> None:
    for login in ("anna:pass word", "bob:x:y"):
        assert status(flower + "/api/tasks", login) == 200
    for login in ("anna:", ":", "anna", "anna:pass", "anna:x:y", "ANNA:pass word", "anna:pass word\nbob:x:y"):
        assert status(flower + "/api/tasks", login) == 401
    assert status(flower + "/api/tasks", "anna:pass word", scheme="Bearer") == 401
    assert status(flower + "/api/tasks", "anna:ü") != 200


@pytest.mark.parametrize(
    ("text", "mode", "complaint"),
    [
        ("anna:x", 0o644, "everybody on this machine can read or change the logins; chmod o-rw it"),
        ("anna:x", 0o602, "everybody on this machine can read or change the logins; chmod o-rw it"),
        ("anna:ü", 0o600, "use ASCII characters only"),
        ("anna", 0o600, "write one user:password per line"),
        (None, 0, "No such file"),
    ],
)
def test_flower_does_not_start_with_a_bad_file_of_logins(
    installation: Installation, text: str | None, mode: int, complaint: str
) -> None:
    file = installation.directory / "login"
    if text is not None:
        file.write_text(text + "\n")
        file.chmod(mode)
    environment = {**os.environ, **installation.environment, "FLOWER_LOGIN_FILE": str(file)}
    done = subprocess.run(
        command(free_port()), env=environment, capture_output=True, text=True, check=False, timeout=WAIT_S
    )
    assert done.returncode != 0
    assert complaint in done.stderr
    assert "anna:x" not in done.stderr


def test_a_file_for_a_group_will_do(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    file = installation.directory / "login"
    file.write_text("anna:x\n")
    file.chmod(0o640)
    monkeypatch.setenv("FLOWER_LOGIN_FILE", str(file))
    monkeypatch.setenv("RSVPQ_CONFIG", str(installation.config))
    monkeypatch.setattr(logging, "root", logging.RootLogger(logging.WARNING))  # Flower sets up the log of its process
    assert runpy.run_path(str(CONFIG))["basic_auth"] == ["anna:x"]


def test_no_page_is_shown_within_another(flower: str) -> None:
    for path in (*paths(), "/static/js/flower.js", "/nowhere"):
        for login in ("", "anna:pass word"):
            headers = headers_of(flower + path, login)
            assert headers["X-Frame-Options"] == "DENY", path
            assert "frame-ancestors 'none'" in headers["Content-Security-Policy"], path


def headers_of(url: str, login: str) -> Message:
    request = Request(url)  # noqa: S310 - loopback http
    if login:
        request.add_header("Authorization", f"Basic {b64encode(login.encode()).decode()}")
    try:
        with urlopen(request, timeout=WAIT_S) as answer:  # noqa: S310 - loopback http
            headers: Message = answer.headers
            return headers
    except HTTPError as error:
        return error.headers
