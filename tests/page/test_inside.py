"""What the page lets in, and who gets around in it: hostile names, rules, keyboard, axe."""

from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Error, expect

from dockd.core import facts
from dockd.station.http.limits import Limits
from tests.page import browser
from tests.page.rack_parts import dock, looking, noted, with_footage
from tests.station import ledger_parts as parts
from tests.station.answering_parts import answering

HOSTILE = "<img src=x onerror=alert(1)>\u202egpj\u2066\u0007\x1b[2J</li><script>alert(2)</script>"
SPELT_OUT = (
    "<img src=x onerror=alert(1)>\\u202egpj\\u2066\\u0007\\u001b[2J</li><script>alert(2)</script>"
)
DANGEROUS = r"[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2066-\u2069]"


@pytest.mark.asyncio
async def test_a_hostile_camera_is_shown_and_does_nothing(chromium: str, tmp_path: Path) -> None:
    """Names with markup, control and bidi characters are texts on every view, spelt out, apart."""
    async with looking(chromium, tmp_path) as seen:
        station, page = seen.station, seen.page
        page.on("dialog", lambda _: pytest.fail("a script of the camera ran"))
        docking = "20261123T020000Z-0000000f"
        await station.ledger.record(
            facts.Docked(docking=docking, camera=HOSTILE, slot="A1", family="directory"),
            parts.seen(9, docking=docking, camera=HOSTILE, path=HOSTILE.encode()),
        )
        dock(station.board, "A1", camera=HOSTILE)
        station.board.docked("A1", camera=HOSTILE, docking=docking)
        dock(station.board, HOSTILE, camera="BWC-9")
        await station.problems.open(
            "camera-not-allowed", subject=f"camera {HOSTILE}", reason=HOSTILE
        )
        await expect(page.get_by_role("heading", name=SPELT_OUT)).to_be_attached()
        await expect(page.locator(".problem")).to_contain_text(r"\u202egpj")
        await page.locator(".tile a bdi").filter(has_text="<script>").click()
        await expect(page.locator("h2", has_text="Docking")).to_be_focused()
        await expect(page.locator("td bdi").first).to_contain_text(r"\u202egpj")
        await page.locator("#detail-view p a").click()
        await expect(page.locator("h2", has_text="Camera")).to_contain_text(SPELT_OUT)
        await expect(page.locator("h2 bdi")).to_have_text(SPELT_OUT)
        assert await page.locator("img, script:not([src])").count() == 0
        text = await page.evaluate("document.documentElement.textContent")
        assert await page.evaluate(f"text => text.match(/{DANGEROUS}/u)", text) is None


@pytest.mark.asyncio
async def test_nothing_comes_from_elsewhere_and_no_text_becomes_markup(
    chromium: str, tmp_path: Path
) -> None:
    """All that is loaded is the station's, under a policy that forbids the rest."""
    async with answering(tmp_path) as station:
        await with_footage(station)
        asked: list[str] = []
        origin = f"http://{station.server.listen}"
        async with browser.looking_at(chromium, "about:blank") as page:
            page.on("request", lambda request: asked.append(request.url))
            await page.goto(origin)
            await page.locator(".tile a").click()
            await expect(page.locator("h2", has_text="Docking")).to_be_focused()
            with pytest.raises(Error, match="TrustedHTML"):
                await page.evaluate("document.body.innerHTML = '<b>markup</b>'")
        assert {f"http://{urlsplit(url).netloc}" for url in asked} == {origin}
        assert {urlsplit(url).path for url in asked} >= {"/", "/page/main.js", "/v1/events"}
        for url in sorted({url for url in asked if "/v1/" not in url}):
            policy = (await station.by_tcp.get(url)).headers["content-security-policy"]
            assert policy.startswith("default-src 'none'; script-src 'self'; ")
            assert "unsafe" not in policy


@pytest.mark.asyncio
async def test_the_keyboard_is_enough(chromium: str, tmp_path: Path) -> None:
    """Every way leads there and back without a pointer, and what has the focus shows it."""
    async with looking(chromium, tmp_path) as seen:
        page = seen.page
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("link", name="To the problems")).to_be_focused()
        await page.keyboard.press("Tab")
        await page.keyboard.press("Tab")
        camera = page.get_by_role("link", name=parts.CAMERA)
        await expect(camera).to_be_focused()
        await expect(camera).to_have_css("outline-style", "solid")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="Docking")).to_be_focused()
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="Camera")).to_be_focused()
        await page.go_back()
        await page.go_back()
        await expect(camera).to_be_visible()
        await page.goto(page.url.partition("#")[0])
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await expect(page.locator("#problems")).to_be_focused()


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("scheme", "size"),
    [("light", browser.KIOSK), ("dark", browser.KIOSK), ("dark", browser.PHONE)],
)
async def test_axe_finds_nothing_serious(
    chromium: str, tmp_path: Path, scheme: Literal["light", "dark"], size: tuple[int, int]
) -> None:
    """Neither on the rack in all its states, nor on the pages of a docking and a camera."""
    async with looking(chromium, tmp_path, scheme=scheme) as seen:
        await seen.page.set_viewport_size({"width": size[0], "height": size[1]})
        await noted(seen.station, points=3)
        await seen.station.problems.open("store-unreachable", subject="store x", reason="x")
        await seen.station.problems.open("spool-full", subject="spool", reason="x")
        await seen.page.reload()
        await expect(seen.page.locator(".problem")).to_have_count(2)
        await expect(seen.page.locator("figure")).to_have_count(2)
        assert await browser.serious(seen.page) == []
        for heading in ("Docking", "Camera"):
            await seen.page.get_by_role("link", name=parts.CAMERA).first.click()
            await expect(seen.page.get_by_role("heading", name=heading)).to_be_focused()
            assert await browser.serious(seen.page) == []


@pytest.mark.asyncio
async def test_a_docking_and_a_camera_say_where_every_clip_is(
    chromium: str, tmp_path: Path
) -> None:
    """Each clip has its place, its reason and its next step, and they change as it moves on."""
    async with looking(chromium, tmp_path) as seen:
        page = seen.page
        await seen.tile("A1").get_by_role("link").click()
        rows = page.locator("tbody tr")
        await expect(rows).to_have_count(2)
        await expect(rows.nth(0)).to_contain_text("DCIM/1.mp4verified")
        await expect(rows.nth(1)).to_contain_text("DCIM/2.mp4seen")
        await seen.station.ledger.record(parts.copied(2), parts.verified(2))
        await expect(rows.nth(1)).to_contain_text("DCIM/2.mp4verified")
        await page.locator("#detail-view p a").click()
        await expect(page.locator(".books")).to_contain_text("seen2waiting0verified2stored0")
        await page.goto(page.url.partition("#")[0] + "#camera/never")
        await expect(page.locator("#detail-view p")).to_contain_text("no camera 'never'")


@pytest.mark.asyncio
async def test_a_browser_logs_in_once_and_then_follows(chromium: str, tmp_path: Path) -> None:
    """Behind a token the page asks for it, refuses a wrong one, and is live while one is right."""
    token = tmp_path / "token"
    token.write_text("open sesame, at once\n")
    async with answering(tmp_path, token_file=token, limits=Limits(key_again_s=0.5)) as station:
        await with_footage(station)
        url = f"http://{station.server.listen}/"
        async with browser.looking_at(chromium, url) as page:
            await expect(page).to_have_url(url + "login")
            assert await browser.serious(page) == []
            await expect(page.get_by_text("not the station's token")).to_be_hidden()
            await page.get_by_label("token").fill("wrong")
            await page.get_by_role("button", name="Log in").click()
            await expect(page.get_by_text("not the station's token")).to_be_visible()
            await page.get_by_label("token").fill("open sesame, at once")
            await page.keyboard.press("Enter")
            await expect(page.get_by_role("link", name=parts.CAMERA)).to_be_visible()
            (cookie,) = await page.context.cookies()
            assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
            assert "sesame" not in cookie["value"]
            token.write_text("another one altogether\n")
            # Sooner than by the charts, which are asked for once a minute.
            await expect(page).to_have_url(url + "login", timeout=30_000)
