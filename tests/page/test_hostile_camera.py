"""One camera that wishes everybody ill, carried through every surface of a real station."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import quote

import httpx2
import pytest
from playwright.async_api import expect

from tests.daemon.harness import Settings, StationProcess, station
from tests.daemon.rooms import Share
from tests.daemon.scenarios import cleared
from tests.daemon.world import World
from tests.fakes.broker import Heard, listening, mosquitto
from tests.page import browser

# A serial number that is not printable is refused; one that is markup is not.
SERIAL: Final = "<b onclick=alert(1)>BWC"
NAME: Final = "<img src=x onerror=alert(2)>\u202egpj\u2066\x1b[31m\x07\x9b.MP4"
PATH: Final = f"DCIM/{NAME}"
# Whatever a terminal obeys (but for the ends of lines), and whatever turns other text about.
_CONTROLS: Final = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")
_BARE: Final = re.compile(r"[\x00-\x09\x0b-\x1f]")
_TURNING: Final = re.compile("[\u200b-\u200f\u202a-\u202e\u2066-\u2069]")


def ran(process: StationProcess, *arguments: str) -> str:
    """Return what a command of dockd's prints, colours left out."""
    told = subprocess.run(
        [sys.executable, "-m", "dockd", *arguments, "--config", str(process.config)],
        capture_output=True,
        check=True,
        env={**os.environ, "COLUMNS": "400", "NO_COLOR": "1"},
    )
    return told.stdout.decode() + told.stderr.decode()


def answered(process: StationProcess, path: str) -> str:
    """Return an answer over TCP, byte for byte as text."""
    listen = process.get("/v1/status")["listen"]
    answer = httpx2.get(f"http://{listen}{path}")
    assert answer.status_code == 200, answer.text
    return answer.content.decode()


def streamed(process: StationProcess, *, until: str) -> str:
    """Return what a follower is told who wants all of the record, up to some event."""
    listen = process.get("/v1/status")["listen"]
    told: list[str] = []
    with httpx2.stream(
        "GET", f"http://{listen}/v1/events", headers={"last-event-id": "0"}, timeout=60
    ) as answer:
        for line in answer.iter_lines():
            told.append(line)
            if until in line:
                return "\n".join(told)
    raise AssertionError(f"the stream ended without {until}")


def exported(process: StationProcess, docking: str, folder: Path) -> str:
    """Return all that an export says: its files' names, its manifests and its lists of hashes."""
    folder.mkdir()
    ran(process, "export", docking, str(folder))
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    said = [path.read_text() for path in files if path.suffix != ".MP4"]
    return "\n".join([*(str(path.relative_to(folder)) for path in files), *said])


def spoken(process: StationProcess, heard: Heard, folder: Path) -> Mapping[str, str]:
    """Return what each surface says of the camera, but for the page."""
    (clip,) = process.get("/v1/clips")["clips"]
    camera = quote(SERIAL, safe="")
    return {
        "journal": process.log.read_text(),
        "dockd status": ran(process, "status"),
        "dockd clips": ran(process, "clips"),
        "dockd explain": ran(process, "explain", clip["id"]),
        "dockd completeness": ran(process, "completeness", "--camera", SERIAL),
        "/metrics": answered(process, "/metrics"),
        "/v1/status": answered(process, "/v1/status"),
        "/v1/clips": answered(process, "/v1/clips"),
        "/v1/clips/{id}": answered(process, f"/v1/clips/{clip['id']}"),
        "/v1/cameras": answered(process, f"/v1/cameras/{camera}"),
        "/v1/dockings": answered(process, "/v1/dockings"),
        "/v1/slots": answered(process, "/v1/slots"),
        "/v1/problems": answered(process, "/v1/problems"),
        "/v1/events": streamed(process, until="clip-wiped"),
        "/readyz": answered(process, "/readyz"),
        "mqtt": "\n".join(
            part for topic, payload, _ in heard.messages for part in (topic, payload.decode())
        ),
        "export": exported(process, clip["docking"], folder),
    }


@pytest.mark.asyncio
async def test_a_hostile_camera_is_only_ever_text(chromium: str, tmp_path: Path) -> None:
    """No surface prints what a terminal obeys or a page runs, and each still names the camera."""
    world = World(tmp_path, room=Share(tmp_path))
    world.bring(SERIAL)
    world.record(SERIAL, PATH, b"footage", mtime_ns=1_790_000_000 * 10**9)
    with mosquitto(tmp_path) as broker, listening(broker) as heard:
        settings = Settings(mqtt=f'[mqtt]\nbroker = "mqtt://127.0.0.1:{broker.port}"\n')
        with station(world, settings=settings) as process:
            process.start()
            world.dock(SERIAL, "A1")
            cleared(process, world, SERIAL)
            slot = f"dockd/tests/{world.station}/slots/A1"
            process.until(lambda: (heard.last(slot) or {}).get("camera"), "the slot is announced")
            said = spoken(process, heard, tmp_path / "courier")
            url = f"http://{process.get('/v1/status')['listen']}/"
            async with browser.looking_at(chromium, url) as page:
                page.on("dialog", lambda _: pytest.fail("a script of the camera ran"))
                await page.locator(".tile a").click()
                await expect(page.locator("td bdi").first).to_contain_text("<img src=x")
                await page.locator("#detail-view p a").click()
                await expect(page.locator("h2 bdi")).to_contain_text("<b onclick")
                assert await page.locator("img, [onclick], script:not([src])").count() == 0
                shown = str(await page.evaluate("document.documentElement.textContent"))
            process.stop()
    for surface, text in {**said, "page": shown}.items():
        # JSON is for programs: it keeps a name as it is, and in it no control character is bare.
        obeyed = _BARE if surface.startswith(("/v1/", "/readyz", "mqtt")) else _CONTROLS
        assert not obeyed.search(text), (surface, obeyed.search(text))
        if obeyed is _CONTROLS:
            assert not _TURNING.search(text), (surface, _TURNING.search(text))
    for surface in said.keys() - {"/metrics", "dockd completeness", "/v1/problems", "/readyz"}:
        assert "BWC" in said[surface], surface
    assert "BWC" not in said["/metrics"]
    assert "u202egpj" in said["dockd explain"]
