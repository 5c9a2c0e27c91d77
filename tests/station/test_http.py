"""The HTTP surface on real sockets, over a real ledger: the exact shapes of DESIGN.md section 9."""

import asyncio
import os
import socket
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dockd.core import facts
from dockd.core.catalogue import CATALOGUE
from dockd.core.slot import SlotEvent
from dockd.errors import SpoolReadOnly
from dockd.station.http import listeners
from dockd.station.http.listeners import ListenerRefused
from tests.station import ledger_parts as parts
from tests.station.answering_parts import answering, camera_in

STATUS_KEYS = {
    "station", "site", "version", "time", "uptime_s", "health", "listen", "slots", "spool",
    "stores", "uplink", "power", "clock", "ledger", "problems",
}  # fmt: skip
SLOT_KEYS = {
    "slot", "port", "state", "advice", "camera", "docking", "clips", "bytes_total",
    "bytes_verified", "bytes_stored", "battery_percent",
    "battery_error_percent", "battery_source", "charging", "power_w", "ready_at",
    "problems", "issue",
}  # fmt: skip
CLIP_KEYS = {
    "id", "key", "camera", "docking", "slot", "path", "place", "size_bytes", "sha256", "flagged",
    "partial", "held", "copies", "receipts", "reason", "owner", "next", "eta",
}  # fmt: skip
PROBLEM_KEYS = {"slug", "severity", "since", "subject", "reason", "owner", "next"}
BOOKS_KEYS = {
    "scope", "seen", "waiting", "verified", "stored", "wiped", "held", "gone", "gaps",
    "unaccounted", "closes",
}  # fmt: skip


@pytest.mark.asyncio
async def test_the_status_has_its_exact_shape(tmp_path: Path) -> None:
    """`/v1/status` has the keys of the design and no others, down to slots and problems."""
    async with answering(tmp_path) as station:
        await station.ledger.record(parts.docked(), *parts.proven(1), parts.seen(2))
        camera_in(station.board)
        await station.problems.open("store-unreachable", subject="store central", reason="x")
        status = await station.ask("/v1/status")
        assert status.keys() == STATUS_KEYS
        assert status["listen"] == station.server.listen
        assert status["health"] == "warn"
        assert [slot.keys() for slot in status["slots"]] == [SLOT_KEYS, SLOT_KEYS]
        slot = status["slots"][0]
        assert slot["clips"] == {
            "seen": 1, "spooled": 0, "verified": 1, "stored": 0, "wiped": 0, "held": 0,
        }  # fmt: skip
        assert (slot["port"], slot["camera"]) == ("1-1.1", parts.CAMERA)
        assert status["spool"].keys() == {
            "used_bytes", "free_bytes", "reserve_bytes", "accepting",
        }  # fmt: skip
        assert status["stores"] == [
            {"name": "central", "breaker": "closed", "receipt_strength": None, "last_receipt": None}
        ]
        assert status["uplink"]["queued_clips"] == 1
        assert status["ledger"]["checkpoint"] == {"sequence": 0, "root": ""}
        assert [problem.keys() for problem in status["problems"]] == [PROBLEM_KEYS]


@pytest.mark.asyncio
async def test_a_clip_has_its_exact_shape_and_its_history(tmp_path: Path) -> None:
    """A clip is found by id, prefix and key, has the design's keys, and tells what happened."""
    async with answering(tmp_path) as station:
        await station.ledger.record(
            parts.docked(), parts.seen(1, path=b"DCIM/a b\xff.mp4"), parts.copied(1)
        )
        await station.ledger.record(parts.verified(1))
        listed = (await station.ask("/v1/clips"))["clips"][0]
        assert listed.keys() == CLIP_KEYS
        assert listed["path"] == "DCIM/a b\\xff.mp4"
        assert listed["copies"] == {"camera": "present", "spool": "proven", "stores": {}}
        assert listed["place"] == "verified"
        for reference in (listed["id"], listed["id"][:6], listed["key"]):
            response = await station.by_socket.get("/v1/clips/" + reference.replace("%", "%25"))
            clip = response.json()
            assert clip.keys() == CLIP_KEYS | {"history"}
            assert clip["id"] == listed["id"]
            assert [event["kind"] for event in clip["history"]] == [
                "clip-seen", "clip-copied", "clip-verified",
            ]  # fmt: skip
            assert clip["history"][0].keys() == {"seq", "time", "kind", "fields"}


@pytest.mark.asyncio
async def test_a_clip_on_a_docked_camera_tells_when_it_is_copied(tmp_path: Path) -> None:
    """By what was read of its camera since it was docked; before that, or behind it, nobody can."""
    async with answering(tmp_path) as station:
        await station.ledger.record(parts.docked(), parts.seen(1), parts.seen(2, size_bytes=500))
        camera_in(station.board)
        station.board.event("A1", SlotEvent.IDENTIFIED)
        path = f"/v1/clips/{(await station.ledger.clip(1)).id}"
        assert (await station.ask(path))["eta"] is None
        station.clock.advance(100)
        assert (await station.ask(path))["eta"] is None
        station.board.read("A1", size_bytes=100)
        clip = await station.ask(path)
        began = datetime.strptime(parts.DOCKING[:16], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        passed_s = (station.clock.now() - began).total_seconds()
        expected = station.clock.now() + timedelta(seconds=6 * passed_s)
        assert clip["eta"] == f"{expected:%Y-%m-%dT%H:%M:%SZ}"
        assert "all of its camera is, in about" in clip["reason"]
        station.board.event("A1", SlotEvent.FAULTED)
        assert (await station.ask(path))["eta"] is None


@pytest.mark.asyncio
async def test_a_stored_clip_shows_its_receipts(tmp_path: Path) -> None:
    """A receipt shows its store, strength, time and version, and the place follows from it."""
    async with answering(tmp_path) as station:
        await station.ledger.record(parts.docked(), *parts.proven(1))
        await station.ledger.record(*parts.stored(1))
        clip = (await station.ask("/v1/clips?place=stored"))["clips"][0]
        assert [receipt.keys() for receipt in clip["receipts"]] == [
            {"store", "strength", "time", "version"}
        ]
        assert clip["receipts"][0]["strength"] == "digest"
        status = await station.ask("/v1/status")
        assert status["stores"][0]["last_receipt"] == "2026-11-23T02:00:00Z"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("slug", "subject", "state", "advice"),
    [
        ("camera-not-allowed", "slot A2", "fault", "report"),
        ("slot-silent", "port A2", "fault", "report"),
        # What is wrong with the port itself says nothing of anything in it.
        ("port-not-switchable", "port A2", "empty", "leave"),
    ],
)
async def test_a_slot_with_something_in_it_that_is_no_camera_is_not_free(
    tmp_path: Path, slug: str, subject: str, state: str, advice: str
) -> None:
    """Nobody is told to drop a camera in where one is that dockd refuses, or cannot see."""
    async with answering(tmp_path) as station:
        station.board.left("A2")
        (slot,) = [one for one in (await station.ask("/v1/slots"))["slots"] if one["slot"] == "A2"]
        assert (slot["state"], slot["advice"]) == ("empty", "leave")
        await station.problems.open(slug, subject=subject, reason="as a test has it")
        (slot,) = [one for one in (await station.ask("/v1/slots"))["slots"] if one["slot"] == "A2"]
        assert (slot["state"], slot["advice"], slot["camera"]) == (state, advice, None)
        measured = (await station.by_tcp.get("/metrics")).text
        assert f'dockd_slots{{state="{state}"}} 0.0' not in measured


@pytest.mark.asyncio
async def test_lists_go_on_behind_their_cursor(tmp_path: Path) -> None:
    """Every clip is on exactly one page, and the last page has no cursor."""
    async with answering(tmp_path) as station:
        await station.ledger.record(parts.docked(), *(parts.seen(n) for n in range(1, 6)))
        found: list[str] = []
        after: str | None = "0"
        while after is not None:
            page = await station.ask(f"/v1/clips?limit=2&after={after}")
            found += [clip["path"] for clip in page["clips"]]
            after = page["next"]
        assert found == [f"DCIM/{n}.mp4" for n in range(1, 6)]
        assert (await station.ask("/v1/dockings"))["dockings"][0]["docking"] == parts.DOCKING
        assert (await station.ask("/v1/slots"))["next"] is None


@pytest.mark.asyncio
async def test_the_books_close(tmp_path: Path) -> None:
    """Completeness counts each original once, and says which have no known copy."""
    async with answering(tmp_path) as station:
        await station.ledger.record(parts.docked(), *parts.proven(1), parts.seen(2))
        books = await station.ask("/v1/completeness")
        assert books.keys() == BOOKS_KEYS
        assert (books["seen"], books["verified"], books["closes"]) == (2, 1, True)
        places = ("waiting", "verified", "stored", "wiped", "held", "gone")
        assert books["seen"] == sum(books[place] for place in places)
        await station.ledger.record(facts.ClipGone(clip=2, docking=parts.DOCKING))
        books = await station.ask(f"/v1/completeness?camera={parts.CAMERA}")
        assert (books["gone"], books["gaps"], books["closes"]) == (1, [], True)
        assert (await station.ask("/v1/completeness?camera=other"))["gaps"] == []
        camera = await station.ask(f"/v1/cameras/{parts.CAMERA}")
        assert camera["completeness"]["seen"] == 2


@pytest.mark.asyncio
async def test_days_add_up_and_a_cameras_numbers_tell_what_was_never_seen(tmp_path: Path) -> None:
    """An original counts on the day it was last seen on; a number that no file had is a gap."""
    later = "20261124T020000Z-00000002"
    async with answering(tmp_path) as station:
        await station.ledger.record(
            parts.docked(),
            *(parts.seen(n, path=b"DCIM/VID_%04d.MP4" % n) for n in (1, 2, 5)),
            parts.left(),
        )
        await station.ledger.record(
            parts.docked(later), parts.seen(6, docking=later, path=b"DCIM/VID_0007.MP4")
        )
        gaps = [f"{parts.CAMERA}: DCIM/VID_0003 to 0004", f"{parts.CAMERA}: DCIM/VID_0006"]
        books = {}
        for asked, seen, told in (
            ("", 4, []), ("?day=2026-11-23", 3, gaps), ("?day=2026-11-24", 1, gaps),
            ("?day=2026-11-25", 0, []), (f"?camera={parts.CAMERA}", 4, gaps),
            (f"?camera={parts.CAMERA}&day=2026-11-24", 1, gaps),
            ("?camera=other&day=2026-11-24", 0, []),
        ):  # fmt: skip
            books = await station.ask(f"/v1/completeness{asked}")
            assert (books["seen"], books["gaps"], books["closes"]) == (seen, told, True), asked
        camera_in(station.board)
        assert (await station.ask("/v1/completeness"))["gaps"] == gaps
        # What was found is kept until the camera shows more.
        await station.ledger.record(parts.seen(7, docking=later, path=b"DCIM/VID_0006.MP4"))
        assert (await station.ask("/v1/completeness"))["gaps"] == gaps[:1]
        # A number is no day, though it might be taken for the seconds since 1970.
        for asked in ("day=yesterday", "day=0", "day=2e-64", "day=2026-11-23&day=2026-11-24"):
            wrong = await station.by_tcp.get(f"/v1/completeness?{asked}")
            assert (wrong.status_code, wrong.json()["slug"]) == (400, "request-invalid"), asked
        for page in ("clips", "dockings"):
            wrong = await station.by_tcp.get(f"/v1/{page}?limit=1&limit=2")
            assert (wrong.status_code, wrong.json()["slug"]) == (400, "request-invalid"), page


@pytest.mark.asyncio
async def test_health_is_the_drafts(tmp_path: Path) -> None:
    """Health is `application/health+json`: pass and warn are 200, fail is 503, checks by name."""
    async with answering(tmp_path) as station:
        alive = await station.by_tcp.get("/healthz")
        assert alive.status_code == 200
        assert alive.headers["content-type"] == "application/health+json"
        assert alive.json()["status"] == "pass"
        assert list(alive.json()["checks"]) == ["loop"]
        able = (await station.by_tcp.get("/readyz")).json()
        assert list(able["checks"]) == ["ledger", "spool", "detection", "stores", "clock"]
        await station.problems.open("store-unreachable", subject="store central", reason="x")
        assert (await station.by_tcp.get("/readyz")).json()["status"] == "warn"
        await station.problems.open("detection-failed", subject="rack", reason="no folder")
        unable = await station.by_tcp.get("/readyz")
        assert (unable.status_code, unable.json()["status"]) == (503, "fail")
        (tmp_path / "spool.json").unlink()
        assert (await station.by_tcp.get("/readyz")).json()["checks"]["spool"][0][
            "status"
        ] == "fail"


@pytest.mark.asyncio
async def test_a_station_whose_ledger_takes_nothing_is_not_able(tmp_path: Path) -> None:
    """It may go on answering from memory, but nothing that it did would be on record."""
    async with answering(tmp_path) as station:
        writing = station.ledger._writer._connection
        assert writing is not None
        writing.execute("PRAGMA query_only = ON")
        with pytest.raises(SpoolReadOnly):
            await station.ledger.record(parts.docked())
        unable = (await station.by_tcp.get("/readyz")).json()
        assert unable["status"] == "fail"
        assert "the ledger could not be written" in unable["checks"]["ledger"][0]["output"]
        await station.ledger.record(parts.docked())
        assert (await station.by_tcp.get("/readyz")).json()["status"] != "fail"


@pytest.mark.asyncio
async def test_orders_are_taken_on_the_socket_with_the_kernels_word_for_who_gave_them(
    tmp_path: Path,
) -> None:
    """An order on the socket is recorded with the peer's uid and pid, whatever it says itself."""
    async with answering(tmp_path) as station:
        await station.ledger.record(parts.docked(), *parts.proven(1))
        clip = await station.ledger.clip(1)
        order = {"why": "court order 17", "kind": "legal"}
        response = await station.by_socket.post(f"/v1/clips/{clip.id}/hold", json=order)
        assert response.status_code == 202
        assert (await station.ask(f"/v1/clips/{clip.id}"))["held"] == "legal"
        event = (await station.ledger.history(1))[-1]
        assert event.kind == "clip-held"
        assert event.fields["why"] == "court order 17"
        assert f"uid {os.getuid()}, pid {os.getpid()}" in str(event.fields["actor"])


@pytest.mark.asyncio
async def test_a_slot_is_released_on_the_socket_only(tmp_path: Path) -> None:
    """The order reaches who knows the cuts, and is on record with the peer; over TCP it is 405."""
    async with answering(tmp_path) as station:
        order = {"why": "the contacts were bent"}
        response = await station.by_socket.post("/v1/slots/A1/release", json=order)
        assert response.status_code == 202
        assert (response.json()["kind"], response.json()["id"]) == ("slots", "A1")
        (event,) = [
            event
            for event in await station.ledger.events_after(0, limit=100)
            if event.kind == "safety-cut-released"
        ]
        assert (event.fields["slot"], event.fields["why"]) == ("A1", "the contacts were bent")
        assert f"uid {os.getuid()}, pid {os.getpid()}" in str(event.fields["actor"])
        absent = await station.by_socket.post("/v1/slots/B9/release", json=order)
        assert (absent.status_code, absent.json()["slug"]) == (404, "not-found")
        hot = await station.by_socket.post("/v1/slots/A2/release", json=order)
        assert (hot.status_code, hot.json()["slug"]) == (409, "refused")
        assert "45 C" in hot.json()["reason"]
        held = await station.by_socket.post("/v1/slots/A1/hold", json=order)
        assert held.status_code == 409
        over_tcp = await station.by_tcp.post("/v1/slots/A1/release", json=order)
        assert (over_tcp.status_code, over_tcp.json()["slug"]) == (405, "orders-by-socket-only")


@pytest.mark.asyncio
@pytest.mark.parametrize("body", ["{", '{"why":"x","kind":"error"}', ""])
async def test_orders_over_tcp_are_refused(tmp_path: Path, body: str) -> None:
    """On TCP every order is 405 with problem details, whatever its body; nothing is recorded."""
    async with answering(tmp_path) as station:
        await station.ledger.record(parts.docked(), *parts.proven(1))
        before = (await station.ledger.head()).sequence
        clip = await station.ledger.clip(1)
        response = await station.by_tcp.post(f"/v1/clips/{clip.id}/hold", content=body)
        assert response.status_code == 405
        assert response.headers["content-type"] == "application/problem+json"
        assert response.json()["slug"] == "orders-by-socket-only"
        assert (await station.ledger.head()).sequence == before


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("method", "path", "body", "status", "slug"),
    [
        ("GET", "/v1/clips/ffffff", None, 404, "not-found"),
        ("GET", "/v1/cameras/nobody", None, 404, "not-found"),
        ("GET", "/nothing", None, 404, "not-found"),
        ("GET", "/v1/clips?limit=0", None, 400, "request-invalid"),
        ("GET", "/v1/clips?limit=1001", None, 400, "request-invalid"),
        ("GET", "/v1/clips?place=moon", None, 400, "request-invalid"),
        ("GET", "/v1/clips?after=x", None, 400, "request-invalid"),
        ("GET", f"/v1/clips?after={'9' * 19}", None, 400, "request-invalid"),
        ("DELETE", "/v1/clips", None, 405, "not-allowed-here"),
        ("POST", "/v1/cameras/nobody/hold", {"why": "x"}, 404, "not-found"),
        ("POST", "/v1/dockings/never/hold", {"why": "x"}, 404, "not-found"),
        ("POST", "/v1/cameras/BWC-000123/release", {"why": "x"}, 409, "refused"),
        ("POST", "/v1/cameras/BWC-000123/hold", {"why": ""}, 400, "request-invalid"),
        ("POST", "/v1/cameras/BWC-000123/hold", {"why": "  "}, 400, "request-invalid"),
        ("POST", "/v1/cameras/BWC-000123/hold", {}, 400, "request-invalid"),
        ("POST", "/v1/cameras/BWC-000123/hold", {"why": "x", "by": "me"}, 400, "request-invalid"),
        ("POST", "/v1/uploads/resume", {"why": "x"}, 409, "refused"),
        ("POST", "/v1/uploads/pause", {"why": ""}, 400, "request-invalid"),
        ("POST", "/v1/uploads/pause", {"why": "x", "kind": "error"}, 400, "request-invalid"),
        ("POST", "/v1/uploads/stop", {"why": "x"}, 400, "request-invalid"),
        ("POST", "/v1/cameras/BWC-000123/eat", {"why": "x"}, 400, "request-invalid"),
    ],
)
async def test_what_cannot_be_answered_says_why_and_what_to_do(
    tmp_path: Path, method: str, path: str, body: dict[str, str] | None, status: int, slug: str
) -> None:
    """Every refusal is problem details with slug, reason, owner and next."""
    async with answering(tmp_path) as station:
        await station.ledger.record(parts.docked())
        response = await station.by_socket.request(method, path, json=body)
        assert response.status_code == status, response.text
        assert response.headers["content-type"] == "application/problem+json"
        said = response.json()
        assert said["slug"] == slug
        assert all(said[key] for key in ("reason", "owner", "next"))


@pytest.mark.asyncio
async def test_readers_show_their_token_where_one_is_configured(tmp_path: Path) -> None:
    """With a token file TCP asks for the bearer token, and follows the file when it changes."""
    token = tmp_path / "token"
    token.write_text("first of all tokens\n")
    async with answering(tmp_path, token_file=token) as station:
        refused = await station.by_tcp.get("/v1/status")
        assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
        shown = {"authorization": "Bearer first of all tokens"}
        assert (await station.by_tcp.get("/v1/status", headers=shown)).status_code == 200
        wrong = {"authorization": "Bearer frist of all tokens"}
        assert (await station.by_tcp.get("/v1/status", headers=wrong)).status_code == 401
        token.write_text("")
        os.utime(token, ns=(1, 1))
        empty = {"authorization": "Bearer"}
        assert (await station.by_tcp.get("/v1/status", headers=empty)).status_code == 401
        assert (await station.by_socket.get("/v1/status")).status_code == 200


@pytest.mark.asyncio
async def test_the_api_describes_itself(tmp_path: Path) -> None:
    """`/openapi.json` names every path, and answers carry the station's own Date."""
    async with answering(tmp_path) as station:
        response = await station.by_tcp.get("/openapi.json")
        paths = response.json()["paths"]
        assert {"/healthz", "/v1/status", "/v1/clips", "/metrics"} <= paths.keys()
        assert response.headers["date"] == "Mon, 23 Nov 2026 02:00:00 GMT"


@pytest.mark.asyncio
async def test_the_api_enumerates_the_slugs_of_problems(tmp_path: Path) -> None:
    """The description has every slug of the table of problems, and bears one that is newer."""
    async with answering(tmp_path) as station:
        schemas = (await station.ask("/openapi.json"))["components"]["schemas"]
        known, other = schemas["ProblemReport"]["properties"]["slug"]["anyOf"]
        assert known == {"enum": sorted(CATALOGUE)}
        assert other == {"type": "string"}


@pytest.mark.asyncio
async def test_it_stops_when_it_is_cancelled(tmp_path: Path) -> None:
    """Cancelling the listeners ends them, their connections and the socket's file."""
    async with answering(tmp_path) as station:
        assert (await station.by_socket.get("/healthz")).status_code == 200
        assert stat.S_IMODE(station.socket.stat().st_mode) == 0o660
        port = int(station.server.listen.rpartition(":")[2])
    assert not station.socket.exists()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)


def test_a_socket_that_a_crash_left_is_replaced(tmp_path: Path) -> None:
    """A stale socket file is no obstacle; one that is answered, or is no socket, is left alone."""
    path = tmp_path / "run" / "api.sock"
    listeners.bind_unix(path).close()
    assert path.exists()
    with listeners.bind_unix(path):
        with pytest.raises(ListenerRefused, match="another process listens"):
            listeners.bind_unix(path)
        path.unlink()
        path.write_text("precious")
        with pytest.raises(ListenerRefused, match="is no socket"):
            listeners.bind_unix(path)
    assert path.read_text() == "precious"


def test_only_its_own_socket_is_removed(tmp_path: Path) -> None:
    """A daemon that ends late does not remove the socket of the one that came after it."""
    path = tmp_path / "api.sock"
    with listeners.bind_unix(path):
        listeners.remove_unix(path, inode=path.stat().st_ino + 1)
        assert path.exists()


def test_an_address_that_is_taken_is_refused() -> None:
    """A port that another process has, or a host that is not this one, is said."""
    with listeners.bind_tcp("127.0.0.1", 0) as taken:
        with pytest.raises(ListenerRefused, match="in use"):
            listeners.bind_tcp("127.0.0.1", taken.getsockname()[1])
        with pytest.raises(ListenerRefused, match="cannot listen on"):
            listeners.bind_tcp("192.0.2.1", 0)
    assert isinstance(taken, socket.socket)
