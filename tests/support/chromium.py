"""Headless Chromium, driven by the DevTools protocol: it logs in, types and clicks, as ``--dump-dom`` cannot."""

import asyncio
import json
import os
import re
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal
from urllib.request import urlopen

from tornado.websocket import WebSocketClientConnection, websocket_connect

from testbed.processes import WAIT_S, until

_OFFLINE = ["--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update"]
_LISTENS = re.compile(rb"DevTools listening on ws://([^/]+)/")
#: Messages by which the browser says that something is wrong with a page.
_COMPLAINTS = {"Log.entryAdded", "Runtime.exceptionThrown"}


class Tab:
    """A tab; ``complaints`` is what the browser has found wrong with its pages."""

    def __init__(self, socket: WebSocketClientConnection) -> None:
        self._socket, self._last = socket, 0
        self.complaints: list[str] = []

    async def call(self, method: str, **parameters: Any) -> Any:
        """Call a method of the protocol."""
        self._last += 1
        await self._socket.write_message(json.dumps({"id": self._last, "method": method, "params": parameters}))
        while True:
            said = await asyncio.wait_for(self._socket.read_message(), WAIT_S)
            assert said is not None, "the browser has ended"
            message = json.loads(said)
            if message.get("method") in _COMPLAINTS:
                self.complaints.append(json.dumps(message["params"]))
            if message.get("id") == self._last:
                assert "error" not in message, message
                return message["result"]

    async def value(self, script: str) -> Any:
        """Return what an expression of JavaScript evaluates to."""
        found = await self.call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    async def has(self, script: str) -> Any:
        """Wait until an expression is true, also over the loading of pages."""
        async with asyncio.timeout(WAIT_S):
            while not (value := await self.value(script)):
                await asyncio.sleep(0.05)
        return value

    async def text(self) -> str:
        """Return the text of the page."""
        return str(await self.value("document.body.innerText"))

    async def go(self, url: str) -> None:
        """Open a page."""
        await self.value("window.left = true")
        await self.call("Page.navigate", url=url)
        await self.has("!window.left && document.readyState === 'complete'")

    async def click(self, selector: str) -> None:
        """Click an element that leads to another page, and wait for that."""
        await self.value(f"window.left = true; document.querySelector({json.dumps(selector)}).click()")
        await self.has("!window.left && document.readyState === 'complete'")

    async def enter(self, selector: str, text: str) -> None:
        """Type into a field."""
        await self.value(f"document.querySelector({json.dumps(selector)}).focus()")
        await self.call("Input.insertText", text=text)

    async def show_as(self, width: int, scheme: Literal["light", "dark"]) -> None:
        """Give the window this width, and prefer this color scheme."""
        await self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=False
        )
        media = [{"name": "prefers-color-scheme", "value": scheme}]
        await self.call("Emulation.setEmulatedMedia", features=media)


@asynccontextmanager
async def browser_tab(chromium: str, directory: Path) -> AsyncIterator[Tab]:
    """Start a browser with a profile in this directory, and end it."""
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    options = ["--headless", "--disable-gpu", *sandbox, *_OFFLINE, "--remote-debugging-port=0"]
    log = directory / "chromium.log"
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [chromium, *options, f"--user-data-dir={directory / 'profile'}", "about:blank"], stdout=sink, stderr=sink
        )
    try:
        address = until(lambda: _LISTENS.search(log.read_bytes()), "the browser listens")[1].decode()
        page = until(lambda: _page(address), "the browser has a tab")
        socket = await websocket_connect(page)
        tab = Tab(socket)
        for domain in ("Page", "Log", "Runtime"):
            await tab.call(f"{domain}.enable")
        try:
            yield tab
        finally:
            await _close(socket)
    finally:
        process.terminate()
        process.wait(WAIT_S)


async def _close(socket: WebSocketClientConnection) -> None:
    """Close the connection, and wait until it is closed."""
    # close() only sends a message. What is open when the loop ends, the garbage collector finds during another test.
    socket.close()
    while await socket.read_message() is not None:
        pass


def _page(address: str) -> str | None:
    with urlopen(f"http://{address}/json/list", timeout=WAIT_S) as answer:
        pages = [target for target in json.loads(answer.read()) if target["type"] == "page"]
    return str(pages[0]["webSocketDebuggerUrl"]) if pages else None
