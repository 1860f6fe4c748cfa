"""The work of the arms for Exchange Web Services: what a scan found, handed over in a file, and the environment."""

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

URL, USERNAME, PASSWORD = "BENCH_URL", "BENCH_USERNAME", "BENCH_PASSWORD"
REDIS, THREADS = "BENCH_REDIS", "BENCH_THREADS"


@dataclass(frozen=True, slots=True)
class Request:
    """One request to answer; the id of its meeting is the CleanGlobalObjectId, in base64."""

    address: str
    item_id: str
    change_key: str
    meeting_id: str


def save(requests: Iterable[Request], path: Path) -> None:
    """Write down the work for :func:`load`."""
    path.write_text(json.dumps([asdict(request) for request in requests]), encoding="utf-8")


def load(path: Path) -> list[Request]:
    """Read what :func:`save` wrote."""
    return [Request(**values) for values in json.loads(path.read_text(encoding="utf-8"))]


def account() -> tuple[str, str]:
    """Return the name and the password of the service account."""
    return os.environ[USERNAME], os.environ[PASSWORD]
