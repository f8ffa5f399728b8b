"""Drive a real headless Chromium over the DevTools protocol, with only `websocket-client`."""

from __future__ import annotations

import base64
import itertools
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import websocket

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-extensions", "--hide-scrollbars", "--remote-debugging-port=0",
)
NO_NETWORK = "--host-resolver-rules=MAP * ~NOTFOUND"
ONLY_THIS_MACHINE = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
START_SECONDS = 30
CALL_SECONDS = 20


def executable() -> str | None:
    """Return the path of an installed Chromium, or None."""
    return next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
    )


class Tab:
    """One page: `open` it, `run` JavaScript in it, and see its `requests` and `complaints`."""

    def __init__(self, endpoint: str) -> None:
        self._socket = websocket.create_connection(
            endpoint, timeout=CALL_SECONDS, suppress_origin=True, http_no_proxy=["127.0.0.1"]
        )
        self._ids = itertools.count(1)
        self.requests: list[str] = []
        self.complaints: list[str] = []
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: object) -> dict[str, Any]:
        """Send one protocol command, return its result, and note the events before it."""
        number = next(self._ids)
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            message = json.loads(self._socket.recv())
            if message.get("id") == number:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']['message']}")
                result: dict[str, Any] = message["result"]
                return result
            self._note(message)

    def run(self, script: str) -> Any:
        """Return the JSON value of a JavaScript expression (promises are awaited)."""
        answer = self.call(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in answer:
            raise RuntimeError(json.dumps(answer["exceptionDetails"])[:800])
        return answer["result"].get("value")

    def open(self, url: str, *, width: int = 1280, height: int = 900, dark: bool = False) -> None:
        """Load `url` afresh at this size and colour scheme; return when it is complete."""
        self.call("Page.navigate", url="about:blank")
        self.requests.clear()
        self.complaints.clear()
        self.resize(width, height)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.call("Page.navigate", url=url)
        self.wait("document.readyState === 'complete' && location.href !== 'about:blank'")
        self.call("Page.resetNavigationHistory")  # a full history (50) would hide new entries

    def resize(self, width: int, height: int) -> None:
        """Set the viewport, in CSS pixels."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.call("Emulation.setDeviceMetricsOverride", **metrics)

    def wait(self, condition: str) -> None:
        """Return once the JavaScript `condition` holds; fail after a while."""
        deadline = time.monotonic() + CALL_SECONDS
        while not self.run(condition):
            if time.monotonic() > deadline:
                raise TimeoutError(f"never true: {condition}")
            time.sleep(0.02)

    def press(self, key: str, code: int) -> None:
        """Press and release one key, as a keyboard would."""
        for kind in ("rawKeyDown", "keyUp"):
            self.call(
                "Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code
            )

    def click(self, x: float, y: float) -> None:
        """Scroll to a point of the page, in CSS pixels, and click it with the mouse."""
        self.run(f"scrollTo(0, {y} - innerHeight / 2)")
        top = self.run("scrollY")
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            self.call(
                "Input.dispatchMouseEvent", type=kind, x=x, y=y - top, button="left", clickCount=1
            )

    def picture(self, path: Path) -> None:
        """Write a PNG of the whole page."""
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))

    def close(self) -> None:
        """Drop the connection."""
        self._socket.close()

    def _note(self, message: dict[str, Any]) -> None:
        params = message.get("params", {})
        match message.get("method"):
            case "Network.requestWillBeSent":
                self.requests.append(params["request"]["url"])
            case "Runtime.exceptionThrown":
                self.complaints.append(json.dumps(params["exceptionDetails"]))
            case "Runtime.consoleAPICalled" if params["type"] in ("error", "warning", "assert"):
                self.complaints.append(json.dumps(params["args"]))
            case "Log.entryAdded" if params["entry"]["level"] in ("error", "warning"):
                self.complaints.append(params["entry"]["text"])


@contextmanager
def browser(profile: Path, network: str = NO_NETWORK) -> Iterator[Tab]:
    """Start Chromium without a network and yield its tab; the process ends with the block."""
    program = executable()
    if program is None:
        raise FileNotFoundError("no chromium on PATH")
    command = [program, *FLAGS, network, f"--user-data-dir={profile}", "about:blank"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        tab = Tab(_first_page(*_announced(profile, process)))
        yield tab
        tab.close()
    finally:
        process.terminate()
        process.wait(timeout=15)


def _announced(profile: Path, process: subprocess.Popen[bytes]) -> tuple[str, str]:
    """Return host:port and browser path once Chromium has written them into its profile."""
    announced = profile / "DevToolsActivePort"
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        words = announced.read_text().split() if announced.exists() else []
        if len(words) == 2:
            return f"127.0.0.1:{words[0]}", words[1]
        time.sleep(0.05)
    raise RuntimeError("Chromium did not start.")


def _first_page(address: str, path: str) -> str:
    """Ask the browser for the tab it opened with and return that tab's endpoint."""
    root = websocket.create_connection(
        f"ws://{address}{path}", suppress_origin=True, http_no_proxy=["127.0.0.1"]
    )
    root.send(json.dumps({"id": 1, "method": "Target.getTargets"}))
    targets = json.loads(root.recv())["result"]["targetInfos"]
    root.close()
    page = next(each["targetId"] for each in targets if each["type"] == "page")
    return f"ws://{address}/devtools/page/{page}"
