"""On what the figures were taken."""

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from testbed.queue_server import server_binary

_PACKAGES = ("celery", "kombu", "redis", "requests", "urllib3", "lxml", "exchangelib", "dramatiq", "gevent")


def describe() -> str:
    """Describe processors, operating system and versions in a few lines."""
    server = subprocess.run([server_binary(), "--version"], capture_output=True, text=True, check=True)  # noqa: S603
    packages = ", ".join(filter(None, map(_named, _PACKAGES)))
    return (
        f"{os.cpu_count()} processors ({_model()}), {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}; {' '.join(server.stdout.split()[:3])}; {packages}. "
        f"The load before the run was {os.getloadavg()[0]:.2f}."
    )


def _named(package: str) -> str:
    """Return the package with its version; '' if it is not installed."""
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return ""


def _model() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
