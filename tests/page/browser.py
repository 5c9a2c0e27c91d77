"""A real browser on a real station: one Chromium for all tests, a fresh profile for each."""

import re
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final, Literal

from playwright.async_api import ConsoleMessage, Page, async_playwright, expect

PROGRAM: Final = "/usr/bin/chromium"
AXE: Final = Path(__file__).parents[2] / "build/axe/node_modules/axe-core/axe.min.js"
KIOSK: Final = (1024, 600)
PHONE: Final = (390, 844)
PATIENCE_MS: Final = 60_000
# What is waited for comes when it comes: the machine may be busy.
expect.set_options(timeout=PATIENCE_MS)
_ADDRESS: Final = re.compile(rb"DevTools listening on (ws://\S+)")
# What is said of a connection that a test ended, or of an answer that it provoked.
_EXPECTED: Final = re.compile(r"net::ERR_|the server responded with a status of|TrustedHTML")
_OPTIONS: Final = (
    "--headless=new",
    # As root Chromium runs only so; what it is shown is the tests' own.
    "--no-sandbox",
    "--remote-debugging-port=0",
    "--disable-gpu",
    "--hide-scrollbars",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--no-first-run",
    "about:blank",
)


@contextmanager
def chromium(profile: Path) -> Iterator[str]:
    """Run Chromium and yield the address at which it takes orders, on loopback."""
    command = [PROGRAM, f"--user-data-dir={profile}", *_OPTIONS]
    log = profile / "chromium.log"
    with (
        log.open("wb") as said,
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=said) as process,
    ):
        try:
            yield _address(process, log)
        finally:
            process.kill()


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    while process.poll() is None:
        if found := _ADDRESS.search(log.read_bytes()):
            return found[1].decode()
    raise AssertionError(f"Chromium ended: {log.read_text(errors='replace')}")


@asynccontextmanager
async def looking_at(
    address: str,
    url: str,
    *,
    size: tuple[int, int] = KIOSK,
    scheme: Literal["light", "dark"] = "light",
    **context: Any,  # noqa: ANN401 - Playwright's settings
) -> AsyncIterator[Page]:
    """Open a page in a profile of its own; whatever it complains of itself fails the test."""
    complaints: list[str] = []

    def said(message: ConsoleMessage) -> None:
        if message.type == "error" and not _EXPECTED.search(message.text):
            complaints.append(message.text)

    async with async_playwright() as playwright:
        browser = await playwright.chromium.connect_over_cdp(address)
        profile = await browser.new_context(
            viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, **context
        )
        try:
            page = await profile.new_page()
            page.set_default_timeout(PATIENCE_MS)
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on("console", said)
            await page.goto(url)
            yield page
        finally:
            await profile.close()
            await browser.close()
    assert complaints == []


async def serious(page: Page) -> list[str]:
    """Return what axe finds that is serious or worse, one line a rule and place."""
    await page.evaluate(AXE.read_text())
    found = await page.evaluate("axe.run({resultTypes: ['violations']})")
    return [
        f"{rule['id']}: {node['target']} {node['failureSummary']}"
        for rule in found["violations"]
        if rule["impact"] in ("serious", "critical")
        for node in rule["nodes"]
    ]
