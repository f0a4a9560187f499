"""Debian's chromium without a window, driven through chromedriver: its protocol (W3C WebDriver) is JSON over HTTP, which needs no package."""

from __future__ import annotations

import base64
import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PROGRAMS = ("chromium", "chromedriver")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--window-size=1400,1000",
)
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
"""The key that marks a reference to an element (WebDriver, 12)."""
ENTER, ESCAPE, TAB = "\ue007", "\ue00c", "\ue004"
LEFT, UP, RIGHT, DOWN = "\ue012", "\ue013", "\ue014", "\ue015"


class Browser:
    """One session: a window that pages are opened in."""

    def __init__(self, address: str, session: str) -> None:
        self._address = f"{address}/session/{session}"

    def call(self, method: str, path: str, body: object = None) -> Any:
        """Send one command and return its value."""
        return _call(f"{self._address}{path}", method, body)

    def open(self, page: Path) -> None:
        """Open a file, and forget what was logged before."""
        self.log("browser")
        self.log("performance")
        self.call("POST", "/url", {"url": page.as_uri()})

    def run(self, script: str, *arguments: object) -> Any:
        """Return what the body of a function returns."""
        return self.call("POST", "/execute/sync", {"script": script, "args": arguments})

    def press(self, *keys: str) -> None:
        """Press and release keys, one after the other, wherever the focus is."""
        steps = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self.call("POST", "/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": steps}]})

    def click(self, selector: str) -> None:
        """Click in the middle of an element."""
        self.call("POST", f"/element/{self._find(selector)}/click", {})

    def label(self, selector: str) -> str:
        """Return the name that a screen reader has for an element."""
        return str(self.call("GET", f"/element/{self._find(selector)}/computedlabel"))

    def role(self, selector: str) -> str:
        """Return what a screen reader takes an element for."""
        return str(self.call("GET", f"/element/{self._find(selector)}/computedrole"))

    def text(self, selector: str) -> str:
        """Return the text of an element as it is shown."""
        return str(self.call("GET", f"/element/{self._find(selector)}/text"))

    def log(self, kind: str) -> list[dict[str, Any]]:
        """Return what was logged since the last call: by the "browser", or of its network ("performance")."""
        found: list[dict[str, Any]] = self.call("POST", "/se/log", {"type": kind})
        return found

    def requests(self) -> list[str]:
        """Return the addresses that were asked for since a page was opened."""
        messages = [json.loads(entry["message"])["message"] for entry in self.log("performance")]
        return [message["params"]["request"]["url"] for message in messages if message["method"] == "Network.requestWillBeSent"]

    def scheme(self, name: str, *, motion: str = "no-preference") -> None:
        """Prefer "dark" or "light", and "reduce" or "no-preference" for motion."""
        features = [{"name": "prefers-color-scheme", "value": name}, {"name": "prefers-reduced-motion", "value": motion}]
        self.call("POST", "/goog/cdp/execute", {"cmd": "Emulation.setEmulatedMedia", "params": {"features": features}})

    def resize(self, width: int, height: int) -> None:
        """Give the window a size in pixels."""
        self.call("POST", "/window/rect", {"width": width, "height": height})

    def screenshot(self) -> bytes:
        """Return a picture of the window (PNG)."""
        return base64.b64decode(self.call("GET", "/screenshot"))

    def _find(self, selector: str) -> str:
        found: dict[str, str] = self.call("POST", "/element", {"using": "css selector", "value": selector})
        return found[ELEMENT]


@contextmanager
def browser(profile: Path) -> Iterator[Browser]:
    """Start a browser with a new profile; skip the test where there is none."""
    if missing := [program for program in PROGRAMS if shutil.which(program) is None]:
        pytest.skip(f"no {', '.join(missing)}: Debian's chromium and chromium-driver")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with (profile.parent / "chromedriver.log").open("wb") as log:
        driver = subprocess.Popen(["chromedriver", f"--port={port}"], stdout=log, stderr=log)
        try:
            address = f"http://127.0.0.1:{port}"
            _wait(f"{address}/status")
            wanted = {
                "browserName": "chrome",
                "goog:chromeOptions": {"args": [*FLAGS, f"--user-data-dir={profile}"]},
                "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
            }
            session = _call(f"{address}/session", "POST", {"capabilities": {"alwaysMatch": wanted}})["sessionId"]
            window = Browser(address, session)
            try:
                yield window
            finally:
                window.call("DELETE", "")
        finally:
            driver.terminate()
            driver.wait(timeout=30)


def _wait(address: str) -> None:
    until = time.monotonic() + 30
    while True:
        try:
            if _call(address, "GET")["ready"]:
                return
        except (urllib.error.URLError, ConnectionError):
            if time.monotonic() > until:
                raise
        time.sleep(0.1)


def _call(address: str, method: str, body: object = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(address, data, {"Content-Type": "application/json"}, method=method)  # noqa: S310  (an address of this machine)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=120) as answer:
            return json.load(answer)["value"]
    except urllib.error.HTTPError as error:
        with error:
            raise AssertionError(json.load(error)["value"]["message"]) from error
