"""A real browser for tests: headless Chromium, spoken to over a pipe in its own debugging protocol.

The pipe (``--remote-debugging-pipe``, messages of JSON that end in a zero byte on descriptors 3 and 4) needs neither a
port nor a library. https://chromedevtools.github.io/devtools-protocol/ lists the methods.
"""

import fcntl
import json
import os
import select
import shutil
import subprocess
import sys
import time
from base64 import b64decode
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
    "--disable-dev-shm-usage", "--remote-debugging-pipe",
)  # fmt: skip
PATIENCE = 600.0  # seconds for one answer, however busy the machine is
KEYS = {"Enter": (13, "\r"), " ": (32, " "), "Tab": (9, "")}


def find() -> str | None:
    """The browser on this machine, if there is one."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Browser:
    """One running Chromium; pages are opened in it one after another."""

    def __init__(self, binary: str, profile: Path) -> None:
        to_child, from_child = os.pipe(), os.pipe()
        theirs = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (to_child[0], from_child[1])]  # clear of 3 and 4
        for end in (to_child[0], from_child[1]):
            os.close(end)
        self._write, self._read = to_child[1], from_child[0]
        start = f"import os, sys; os.dup2({theirs[0]}, 3); os.dup2({theirs[1]}, 4); os.execv(sys.argv[1], sys.argv[1:])"
        command = [sys.executable, "-c", start, binary, *QUIET, f"--user-data-dir={profile}", "about:blank"]
        self._process = subprocess.Popen(
            command, pass_fds=theirs, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        for end in theirs:
            os.close(end)
        self._buffer = b""
        self._count = 0
        self.events: list[dict[str, Any]] = []
        found = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = ""
        self._session = self.ask("Target.attachToTarget", targetId=found, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")

    _session = ""

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command and wait for its answer; what happens meanwhile is kept in ``events``."""
        self._count += 1
        message: dict[str, Any] = {"id": self._count, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            told = self._next()
            if told.get("id") == self._count:
                if "error" in told:
                    raise RuntimeError(f"{method}: {told['error']['message']}")
                answer: dict[str, Any] = told["result"]
                return answer
            self.events.append(told)

    def wait(self, event: str) -> None:
        """Until an event has happened since ``events`` was emptied."""
        while not any(one.get("method") == event for one in self.events):
            self.events.append(self._next())

    def close(self) -> None:
        """End the browser."""
        self._process.terminate()
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._write)
        os.close(self._read)

    def _next(self) -> dict[str, Any]:
        end = time.monotonic() + PATIENCE
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._read], [], [], max(0.0, end - time.monotonic()))
            data = os.read(self._read, 1 << 20) if ready else b""
            if not data:
                raise RuntimeError(
                    f"the browser did not answer within {PATIENCE:g} s, exit code {self._process.poll()}"
                )
            self._buffer += data
        message, self._buffer = self._buffer.split(b"\0", 1)
        told: dict[str, Any] = json.loads(message)
        return told


class Page:
    """One page, shown at a width in pixels, light or dark, without motion."""

    def __init__(
        self, browser: Browser, path: Path, width: int = 1280, dark: bool = False, script: bool = True
    ) -> None:
        self.browser = browser
        browser.events.clear()
        browser.ask("Emulation.setScriptExecutionDisabled", value=not script)
        self.show(width, dark)
        browser.ask("Page.navigate", url=path.absolute().as_uri())
        browser.wait("Page.loadEventFired")

    def show(self, width: int, dark: bool = False, media: str = "screen") -> None:
        """Change the width in pixels, the colour scheme, or the medium (``screen``, ``print``)."""
        self.browser.ask(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False
        )
        features = [
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]
        self.browser.ask("Emulation.setEmulatedMedia", media=media, features=features)

    def run(self, script: str) -> Any:
        """The value of an expression, awaited if it is a promise.

        Raises:
            RuntimeError: with what was thrown.
        """
        told = self.browser.ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in told:
            thrown = told["exceptionDetails"]
            raise RuntimeError(str(thrown.get("exception", {}).get("description", thrown["text"])))
        return told["result"].get("value")

    def press(self, key: str) -> None:
        """A key, as a person presses it: ``Enter``, `` ``, ``Tab``."""
        code, text = KEYS[key]
        facts = {"key": key, "code": "Space" if key == " " else key, "windowsVirtualKeyCode": code}
        self.browser.ask("Input.dispatchKeyEvent", type="keyDown", text=text, **facts)
        self.browser.ask("Input.dispatchKeyEvent", type="keyUp", **facts)

    def click(self, selector: str) -> None:
        """A press of the mouse on the middle of an element, scrolled into view first.

        Raises:
            RuntimeError: no such element.
        """
        where = self.run(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)});"
            "if (!e) throw new Error('no such element'); e.scrollIntoView({block: 'center', inline: 'center'});"
            "const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.browser.ask("Input.dispatchMouseEvent", type=kind, x=where[0], y=where[1], button="left", clickCount=1)

    def problems(self) -> list[str]:
        """Errors and warnings of the console, exceptions, and requests that left the page's folder."""
        self.run("0")  # what is on its way arrives before the answer
        found = []
        for one in self.browser.events:
            told = one.get("params", {})
            if one["method"] == "Runtime.exceptionThrown":
                found.append(str(told["exceptionDetails"].get("exception", {}).get("description")))
            elif one["method"] == "Runtime.consoleAPICalled" and told["type"] in ("error", "warning", "assert"):
                found.append(f"console: {[each.get('value') for each in told['args']]}")
            elif one["method"] == "Log.entryAdded" and told["entry"]["level"] in ("error", "warning"):
                found.append(f"log: {told['entry']['text']}")
            elif one["method"] == "Network.requestWillBeSent":
                url = told["request"]["url"]
                if not url.startswith(("file:", "data:", "about:")):
                    found.append(f"request: {url}")
        return found

    def picture(self, path: Path) -> None:
        """Write what is shown, the whole page, as PNG."""
        told = self.browser.ask("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        path.write_bytes(b64decode(told["data"]))
