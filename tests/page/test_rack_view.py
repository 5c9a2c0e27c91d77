"""The rack as the officer sees it, in a real Chromium: states, live changes, many slots."""

import re
from pathlib import Path

import pytest
from playwright.async_api import expect

from dockd.core.slot import SlotEvent
from tests.page import browser
from tests.page.rack_parts import EMPTY, IN_EVERY_STATE, dock, looking, noted
from tests.station import ledger_parts as parts

WORDS = {slot: word for slot, (_, word, _) in IN_EVERY_STATE.items()} | {EMPTY: "Free"}


@pytest.mark.asyncio
async def test_each_state_has_a_word_a_shape_and_a_colour_of_its_own(
    chromium: str, tmp_path: Path
) -> None:
    """No two kinds of slot share a word, a shape or a colour: none is all there is to tell by."""
    async with looking(chromium, tmp_path) as seen:
        shown = {}
        for slot, word in WORDS.items():
            advice = seen.tile(slot).locator(".advice")
            await expect(advice).to_have_text(word)
            shape = await advice.locator("path").get_attribute("d")
            colour = await advice.evaluate("node => getComputedStyle(node).backgroundColor")
            shown[slot] = (word, shape, colour)
        for each in zip(*shown.values(), strict=True):
            assert len(set(each)) == len(WORDS)


@pytest.mark.asyncio
async def test_a_tile_says_who_how_far_and_when(chromium: str, tmp_path: Path) -> None:
    """Camera, state, progress, battery and ready time stand there; what nobody knows is unknown."""
    async with looking(chromium, tmp_path) as seen:
        tile = seen.tile("A1")
        await expect(tile.get_by_role("link", name=parts.CAMERA)).to_be_visible()
        await expect(tile.locator(".state")).to_have_text("Copying")
        progress = tile.get_by_role("progressbar", name="Copied of A1")
        await expect(progress).to_have_js_property("value", 50)
        await expect(tile.locator("dl")).to_have_text(
            "Copied50 % of 200 BBatteryunknownReadyunknown"
        )


@pytest.mark.asyncio
async def test_what_a_charger_tells_is_shown(chromium: str, tmp_path: Path) -> None:
    """A charge shows with its uncertainty, and which camera to take first, where they are known."""
    async with looking(chromium, tmp_path) as seen:
        told = await seen.page.evaluate(
            """async (slots) => {
                const { battery } = await import("/page/words.js");
                return slots.map(battery);
            }""",
            [
                {"battery_percent": 80, "battery_error_percent": 5, "charging": True},
                {"battery_percent": 0, "charging": False},
                {"battery_percent": None, "charging": True},
                {},
            ],
        )
        assert told == ["80 ±5 %, charging", "0 %", "unknown", "unknown"]
        turns = await seen.page.evaluate(
            """async (slots) => {
                const { turn } = await import("/page/rack.js");
                return slots.map(turn);
            }""",
            [{"issue": 1}, {"issue": 4}, {"issue": None}, {}],
        )
        assert turns == [" · take this one first", " · number 4 to take", "", ""]


@pytest.mark.asyncio
async def test_the_page_follows_and_leaves_the_reader_where_they_are(
    chromium: str, tmp_path: Path
) -> None:
    """A slot and a problem change by themselves, said aloud, and the focus stays on its link."""
    async with looking(chromium, tmp_path) as seen:
        link = seen.tile("A1").get_by_role("link")
        await link.focus()
        await seen.station.ledger.record(parts.copied(2), parts.verified(2))
        seen.station.board.event("A1", SlotEvent.OFFLOADED)
        await seen.station.problems.open("store-unreachable", subject="store central", reason="x")
        await expect(seen.tile("A1").locator(".advice")).to_have_text("Take")
        await expect(seen.tile("A1").locator("dl")).to_contain_text("100 %")
        await expect(seen.page.locator("#health")).to_have_text("Attention")
        await expect(seen.page.locator(".problem")).to_contain_text("store central: x")
        await expect(seen.page.locator(".problem")).to_contain_text("Next, for network")
        await expect(seen.page.get_by_role("status")).to_contain_text(f"A1: Take {parts.CAMERA}")
        await expect(link).to_be_focused()
        await seen.station.problems.clear("store-unreachable", subject="store central")
        await expect(seen.page.locator("#no-problems")).to_have_text("Nothing is wrong.")
        dock(seen.station.board, EMPTY, camera="BWC-NEW")
        await expect(seen.tile(EMPTY).get_by_role("link", name="BWC-NEW")).to_be_visible()


@pytest.mark.asyncio
async def test_a_rack_of_64_is_seen_whole_on_a_kiosk(chromium: str, tmp_path: Path) -> None:
    """At 1024x600 every one of 64 tiles is in view with its word, in the order of the slots."""
    async with looking(chromium, tmp_path) as seen:
        names = [f"A{number}" for number in range(1, 65)]
        for name in names[5:]:
            dock(seen.station.board, name, SlotEvent.IDENTIFIED)
        await expect(seen.page.locator(".tile h3")).to_have_text(names)
        boxes = await seen.page.locator(".tile, .tile .advice").evaluate_all(
            "nodes => nodes.map(node => node.getBoundingClientRect().toJSON())"
        )
        assert len(boxes) == 128
        assert max(box["right"] for box in boxes) <= browser.KIOSK[0]
        assert max(box["bottom"] for box in boxes) <= browser.KIOSK[1]
        assert await browser.serious(seen.page) == []
        await seen.page.set_viewport_size({"width": browser.PHONE[0], "height": browser.PHONE[1]})
        wide = await seen.page.evaluate("document.documentElement.scrollWidth")
        assert wide <= browser.PHONE[0]


@pytest.mark.asyncio
async def test_the_last_day_is_drawn_and_said(chromium: str, tmp_path: Path) -> None:
    """Uplink and spool are two charts, each with a sentence that says the same."""
    async with looking(chromium, tmp_path) as seen:
        await noted(seen.station, points=3)
        await seen.page.reload()
        await expect(seen.page.get_by_role("img", name="Uplink: at most")).to_be_visible()
        spool = seen.page.get_by_role("img", name="Spool:")
        await expect(spool.locator("path")).to_have_attribute("d", re.compile(r"^M[0-9.]+ 60L"))
