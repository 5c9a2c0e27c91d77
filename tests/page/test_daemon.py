"""The page of a real daemon: a camera's whole journey, and a daemon that hangs."""

import signal
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.daemon.harness import station
from tests.daemon.rooms import Share
from tests.daemon.world import SMALL, World
from tests.page import browser

SAYS_SO = "No connection to the station since"


@pytest.mark.asyncio
async def test_a_daemon_is_followed_to_its_end(chromium: str, tmp_path: Path) -> None:
    """A camera comes and is cleared before the reader's eyes; a daemon that hangs is missed."""
    world = World(tmp_path, room=Share(tmp_path))
    with station(world) as dockd:
        dockd.start()
        url = f"http://{dockd.get('/v1/status')['listen']}/"
        async with browser.looking_at(chromium, url) as page:
            alert = page.get_by_role("alert")
            await expect(page.locator("#station")).to_have_text(world.station)
            await expect(page.locator("figure")).to_have_count(2)
            serial = world.film({SMALL: 100_001})
            world.dock(serial, "A1")
            await expect(page.locator(".tile .advice")).to_have_text("Take")
            await page.get_by_role("link", name=serial).click()
            await expect(page.locator("tbody tr")).to_contain_text("wiped")
            dockd.signal(signal.SIGSTOP)
            await expect(alert).to_contain_text(SAYS_SO)
            dockd.kill()
