"""A station that goes away while somebody looks at its page, in a real Chromium."""

from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.async_api import expect

from dockd.station.http.stream import AT_ONCE, TooManyFollow
from tests.page import browser
from tests.page.rack_parts import dock, looking, with_footage
from tests.station import ledger_parts as parts
from tests.station.answering_parts import answering

SAYS_SO = "No connection to the station since"


@pytest.mark.asyncio
async def test_a_station_that_ends_is_missed_and_found_again(chromium: str, tmp_path: Path) -> None:
    """Its end is said, no tile gives advice any more, and once it is back its own slots do."""
    async with AsyncExitStack() as first:
        station = await first.enter_async_context(answering(tmp_path))
        await with_footage(station)
        dock(station.board, "B9")
        port = int(station.server.listen.rpartition(":")[2])
        async with browser.looking_at(chromium, f"http://127.0.0.1:{port}/") as page:
            advice = page.locator(".tile .advice")
            await expect(advice).to_have_text(["Leave", "Free", "Leave"])
            await first.aclose()
            await expect(page.get_by_role("alert")).to_contain_text(SAYS_SO)
            await expect(advice).to_have_text(["Unknown"] * 3)
            await expect(page.locator(".tile .state")).to_have_text([""] * 3)
            await expect(page.locator(".tile dd")).to_have_count(0)
            await expect(page.locator("#health")).to_have_text("Unknown")
            assert await browser.serious(page) == []
            async with answering(tmp_path, port=port) as again:
                await expect(advice).to_have_text(["Free", "Free"])
                await expect(page.get_by_role("alert")).to_be_empty()
                dock(again.board, "A1", camera=parts.CAMERA)
                await expect(page.get_by_role("link", name=parts.CAMERA)).to_be_visible()


@pytest.mark.asyncio
async def test_a_station_that_falls_silent_is_missed_within_five_seconds(
    chromium: str, tmp_path: Path
) -> None:
    """A daemon that hangs, or a box without power, closes nothing: silence alone is enough."""
    async with looking(chromium, tmp_path) as seen:
        alert = seen.page.get_by_role("alert")
        await seen.page.clock.install()
        await seen.page.reload()
        await expect(seen.page.locator(".tile .advice").first).to_have_text("Leave")
        await seen.page.clock.pause_at(await seen.page.evaluate("Date.now() / 1000 + 1"))
        seen.station.clock.goes_on.clear()
        await seen.station.clock.stands.wait()
        last = seen.station.follow.latest
        assert last is not None
        await expect(seen.page.locator("#time")).to_have_attribute("datetime", last.time)
        await seen.page.clock.fast_forward(3900)
        await expect(alert).to_be_empty()
        await seen.page.clock.fast_forward(1000)
        await expect(alert).to_contain_text(SAYS_SO)
        await expect(seen.page.locator(".tile .advice").first).to_have_text("Unknown")
        seen.station.clock.goes_on.set()
        await seen.page.clock.fast_forward(3000)
        await expect(seen.page.locator(".tile .advice").first).to_have_text("Leave")


@pytest.mark.asyncio
async def test_a_page_that_there_is_no_room_for_says_so(chromium: str, tmp_path: Path) -> None:
    """Where too many follow, the page says that and what to do; it follows once there is room."""
    async with answering(tmp_path) as station, AsyncExitStack() as others:
        await with_footage(station)
        for _ in range(AT_ONCE):
            await others.enter_async_context(station.by_socket.stream("GET", "/v1/events"))
        async with browser.looking_at(chromium, f"http://{station.server.listen}/") as page:
            alert = page.get_by_role("alert")
            await expect(alert).to_have_text(
                f"{AT_ONCE} follow the station already. {TooManyFollow.next_step}"
            )
            await others.aclose()
            await expect(page.locator(".tile .advice").first).to_have_text("Leave")
            await expect(alert).to_be_empty()


@pytest.mark.asyncio
async def test_an_upgraded_station_is_shown_by_its_own_page(chromium: str, tmp_path: Path) -> None:
    """A kiosk that nobody touches loads the page of the version that answers."""
    async with looking(chromium, tmp_path) as seen:
        await expect(seen.page.locator("#summary")).to_contain_text("dockd 0.1.0")
        async with seen.page.expect_event("load"):
            seen.station.report.policy = replace(seen.station.report.policy, version="9.9.9")
        await expect(seen.page.locator("#summary")).to_contain_text("dockd 9.9.9")
