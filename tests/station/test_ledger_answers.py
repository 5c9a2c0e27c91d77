"""What the stages and the people ask of the ledger, on a real SQLite file."""

from dataclasses import replace
from pathlib import Path

import pytest

from dockd.core import facts
from dockd.core.clip import Place, SpoolCopy
from dockd.core.facts import HoldKind
from dockd.errors import NotFound
from dockd.ports.ledger import ClipFilter
from dockd.station.ledger import SqliteLedger
from tests.station import ledger_parts as parts

STORES = frozenset({parts.STORE})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the test's ledger is."""
    return tmp_path / "ledger.sqlite3"


@pytest.mark.asyncio
async def test_a_clip_is_found_by_every_name_it_had(path: Path) -> None:
    """Its key, its id, its id from before its digest was known, and a beginning of those."""
    with parts.ledger_at(path) as ledger:
        await ledger.record(parts.docked(), parts.seen(1))
        provisional = (await ledger.clip(1)).id
        await ledger.record(parts.copied(1), parts.verified(1))
        present = await ledger.clip(1)
        for name in (parts.key(1), present.id, present.id[:6].upper(), provisional):
            assert await ledger.find(name) == present
        for name in (present.id[:5], "no such key", "0" * 16, ""):
            with pytest.raises(NotFound):
                await ledger.find(name)


@pytest.mark.asyncio
async def test_an_ambiguous_name_is_answered_with_the_candidates(path: Path) -> None:
    """A name that fits several clips finds none of them and lists them all."""
    with parts.ledger_at(path) as ledger:
        twins = (parts.seen(1, path=b"x"), parts.seen(2, path=b"x"))
        await ledger.record(parts.docked(), *twins)
        with pytest.raises(NotFound, match=r"\(clip 1 of .*\(clip 2 of "):
            await ledger.find((await ledger.clip(1)).id)


@pytest.mark.asyncio
@pytest.mark.parametrize("hold", ["legal", "error"])
async def test_a_hold_does_not_keep_footage_from_its_store(path: Path, hold: HoldKind) -> None:
    """What was set aside is never cleared, and is sent like everything else."""
    with parts.ledger_at(path) as ledger:
        await ledger.set_policy(required=1, stores=frozenset({parts.STORE}))
        await ledger.record(parts.docked(), *parts.proven(1))
        await ledger.record(facts.ClipHeld(clip=1, hold=hold, why="", actor=""))
        assert [clip.number for clip in await ledger.awaiting(parts.STORE, limit=9)] == [1]


@pytest.mark.asyncio
async def test_what_waits_is_flagged_and_oldest_first(path: Path) -> None:
    """Refused and receipted clips do not wait; the others come flagged and oldest first."""
    with parts.ledger_at(path) as ledger:
        await ledger.set_policy(required=1, stores=frozenset({parts.STORE, "second"}))
        await ledger.record(parts.docked())
        for clip in (1, 2, 3, 4, 5):
            await ledger.record(*parts.proven(clip, flagged=clip == 3))
        await ledger.record(
            facts.TransferQueued(clip=5, store=parts.STORE),
            facts.TransferRefused(clip=5, store=parts.STORE, slug="s", reason="r"),
        )
        await ledger.record(*parts.stored(1))
        waiting = await ledger.awaiting(parts.STORE, limit=9)
        assert [clip.number for clip in waiting] == [3, 2, 4]
        assert [clip.number for clip in await ledger.awaiting("second", limit=2)] == [3, 1]
        assert (await ledger.queue(parts.STORE)).clips == 3
        everything = await ledger.queue()
        assert (everything.clips, everything.size_bytes) == (5, 500)
        first = (await ledger.history(1))[2]
        assert everything.oldest_verified_at == first.time_utc
        await ledger.record(facts.TransferRestarted(clip=5, store=parts.STORE, reason="retried"))
        assert (await ledger.queue(parts.STORE)).clips == 4


@pytest.mark.asyncio
async def test_what_a_person_asked_for_waits_before_all_others(path: Path) -> None:
    """Before it waits or while it does; also when the queue is counted anew for other stores."""
    with parts.ledger_at(path) as ledger:
        await ledger.set_policy(required=1, stores=frozenset({parts.STORE}))
        await ledger.record(parts.docked(), *parts.proven(1, flagged=True), *parts.proven(2))
        asked = facts.ClipPrioritised(clip=3, why="w", actor="a")
        await ledger.record(parts.seen(3), asked)
        await ledger.record(*parts.proven(3)[1:])
        await ledger.record(*parts.proven(4), replace(asked, clip=4))

        async def waiting(store: str) -> list[int]:
            return [clip.number for clip in await ledger.awaiting(store, limit=9)]

        assert await waiting(parts.STORE) == [3, 4, 1, 2]
        await ledger.set_policy(required=1, stores=frozenset({parts.STORE, "second"}))
        assert await waiting(parts.STORE) == await waiting("second") == [3, 4, 1, 2]


@pytest.mark.asyncio
async def test_what_is_in_doubt_is_read_until_its_store_answers(path: Path) -> None:
    """Each store's doubted receipts are listed by their clips; in doubt, nothing waits for it."""
    with parts.ledger_at(path) as ledger:
        await ledger.set_policy(required=1, stores=frozenset({parts.STORE, "second"}))
        await ledger.record(parts.docked())
        for clip in (1, 2, 3, 4):
            await ledger.record(*parts.proven(clip), *parts.stored(clip))
        await ledger.record(*parts.stored(1, store="second"))
        for clip in (3, 2, 1):
            await ledger.record(facts.ClipRetried(clip=clip, why="w", actor="a"))

        async def listed(store: str = parts.STORE, *, after: int = 0) -> list[int]:
            return [each.clip for each in await ledger.doubted(store, after=after, limit=2)]

        assert await listed() == [1, 2]
        assert await listed(after=2) == [3]
        assert await listed("second") == [1]
        assert await ledger.awaiting(parts.STORE, limit=9) == []
        await ledger.record(parts.receipt(1))
        assert await listed("second") == [1]
        await ledger.record(facts.ReceiptLost(clip=2, store=parts.STORE, reason="r"))
        assert await listed() == [3]
        assert [clip.number for clip in await ledger.awaiting(parts.STORE, limit=9)] == [2]


async def purgeable(ledger: SqliteLedger, *, limit: int = 9) -> list[int]:
    """Return every clip that may make room, read page by page."""
    page = await ledger.purgeable(after=None, limit=limit)
    found = [clip.number for clip in page.clips]
    while page.next is not None:
        page = await ledger.purgeable(after=page.next, limit=limit)
        found += [clip.number for clip in page.clips]
    return found


@pytest.mark.asyncio
async def test_what_may_make_room_is_read_page_by_page(path: Path) -> None:
    """However small the pages, each copy comes once, although some make room in between."""
    with parts.ledger_at(path) as ledger:
        await ledger.set_policy(required=1, stores=STORES)
        await ledger.record(parts.docked())
        for clip in range(1, 8):
            await ledger.record(*parts.proven(clip))
            await ledger.record(*parts.stored(clip))
        await ledger.record(*parts.wiped(5))
        for limit in (1, 2, 3, 7, 9):
            assert await purgeable(ledger, limit=limit) == [5, 1, 2, 3, 4, 6, 7]
        page = await ledger.purgeable(after=None, limit=2)
        await ledger.record(*(facts.SpoolPurged(clip=clip, reason="room") for clip in (5, 1)))
        page = await ledger.purgeable(after=page.next, limit=2)
        assert [clip.number for clip in page.clips] == [2, 3]


@pytest.mark.asyncio
async def test_room_is_not_made_by_what_a_store_is_still_to_have(path: Path) -> None:
    """With one receipt of two stores a clip is stored, and its copy stays for the other store."""
    with parts.ledger_at(path) as ledger:
        await ledger.set_policy(required=1, stores=frozenset({parts.STORE, "second"}))
        await ledger.record(parts.docked(), *parts.proven(1), *parts.stored(1))
        assert (await ledger.tally()).clips[Place.STORED] == 1
        assert await purgeable(ledger) == []
        await ledger.record(*parts.stored(1, store="second"))
        assert await purgeable(ledger) == [1]
        await ledger.set_policy(required=1, stores=frozenset({parts.STORE, "second", "third"}))
        assert await purgeable(ledger) == []


@pytest.mark.asyncio
async def test_room_is_made_by_what_left_its_camera_first(path: Path) -> None:
    """Stored copies make room, the wiped ones first; what is being wiped or set aside stays."""
    other = "20261123T020000Z-00000002"
    with parts.ledger_at(path) as ledger:
        await ledger.set_policy(required=1, stores=STORES)
        await ledger.record(parts.docked(), parts.docked(other, camera="BWC-2"))
        for clip in (1, 2, 3):
            await ledger.record(*parts.proven(clip))
        intended, wiped = parts.wiped(2)
        await ledger.record(*parts.stored(1), *parts.stored(2), intended)
        assert await purgeable(ledger) == [1]
        await ledger.record(wiped)
        assert await purgeable(ledger) == [2, 1]
        aside = {"subject": f"camera {parts.CAMERA}", "hold": "legal", "why": "w", "actor": "a"}
        await ledger.record(facts.SetAside(**aside))  # type: ignore[arg-type]  # fields chosen at run time
        assert await purgeable(ledger) == []
        assert await ledger.set_aside() == {parts.CAMERA}
        await ledger.record(facts.SetFree(**aside))  # type: ignore[arg-type]  # fields chosen at run time
        seen_in = {**aside, "subject": f"docking {parts.DOCKING}"}
        await ledger.record(
            facts.ClipSeenAgain(clip=2, docking=other, slot="A2", mtime_ns=2),
            facts.SetAside(**seen_in),  # type: ignore[arg-type]  # fields chosen at run time
        )
        assert await purgeable(ledger) == []
        await ledger.record(facts.SetFree(**seen_in))  # type: ignore[arg-type]  # fields chosen at run time
        assert await ledger.set_aside() == frozenset()
        await ledger.record(facts.SpoolPurged(clip=2, reason="room"))
        assert await purgeable(ledger) == [1]


@pytest.mark.asyncio
async def test_what_a_camera_left_half_copied_is_found(path: Path) -> None:
    """A partial copy is left once its docking has ended, and until then it is at work."""
    with parts.ledger_at(path) as ledger:
        await ledger.record(parts.docked(), parts.seen(1), parts.spooled_part(1, 0))
        assert await ledger.partials_left() == []
        await ledger.record(parts.left())
        (left,) = await ledger.partials_left()
        assert (left.number, left.spool_copy, left.spooled_bytes) == (1, SpoolCopy.PARTIAL, 16)


@pytest.mark.asyncio
async def test_pages_follow_one_another(path: Path) -> None:
    """Whatever the filter, pages of two in a row are the whole list, in order, once."""
    with parts.ledger_at(path) as ledger:
        await ledger.record(parts.docked())
        for clip in range(1, 8):
            await ledger.record(parts.seen(clip))
        await ledger.record(facts.ClipHeld(clip=4, hold="error", why="", actor=""))
        expected = {
            ClipFilter(): [1, 2, 3, 4, 5, 6, 7],
            ClipFilter(camera=parts.CAMERA, held=False): [1, 2, 3, 5, 6, 7],
            ClipFilter(docking=parts.DOCKING, place=Place.SEEN): [1, 2, 3, 5, 6, 7],
            ClipFilter(place=Place.HELD): [4],
            ClipFilter(held=True): [4],
            ClipFilter(held=False): [1, 2, 3, 5, 6, 7],
            ClipFilter(place=Place.SEEN, held=True): [],
            ClipFilter(camera="other"): [],
        }
        for wanted, numbers in expected.items():
            assert await _by_pages(ledger, wanted) == numbers


async def _by_pages(ledger: SqliteLedger, wanted: ClipFilter) -> list[int]:
    found: list[int] = []
    while True:
        page = await ledger.clips(
            ClipFilter(
                camera=wanted.camera,
                docking=wanted.docking,
                place=wanted.place,
                held=wanted.held,
                after=found[-1] if found else 0,
                limit=2,
            )
        )
        if not page:
            return found
        found += [clip.number for clip in page]


@pytest.mark.asyncio
async def test_every_original_is_counted_once(path: Path) -> None:
    """Completeness closes: what was ever seen is what is at each place and what is gone."""
    with parts.ledger_at(path) as ledger:
        await ledger.set_policy(required=1, stores=STORES)
        await ledger.record(parts.docked(), *parts.proven(1), *parts.proven(2), parts.seen(3))
        await ledger.record(facts.ClipGone(clip=3, docking=parts.DOCKING))
        await ledger.record(facts.ClipGone(clip=2, docking=parts.DOCKING), *parts.stored(1))
        for camera in (None, parts.CAMERA):
            complete = await ledger.completeness(camera=camera)
            at = {place: count for place, count in complete.at.items() if count}
            assert (complete.seen, complete.gone) == (3, 1)
            assert at == {Place.VERIFIED: 1, Place.STORED: 1}
        assert (await ledger.completeness(camera="other")).seen == 0


@pytest.mark.asyncio
async def test_places_follow_the_policy(path: Path) -> None:
    """When other stores count, every clip's place is derived anew, and so are the queues."""
    with parts.ledger_at(path) as ledger:
        await ledger.set_policy(required=1, stores=STORES)
        await ledger.record(parts.docked(), *parts.proven(1), *parts.stored(1))
        assert (await ledger.tally()).clips[Place.STORED] == 1
        await ledger.set_policy(required=1, stores=frozenset({"another"}))
        assert (await ledger.tally()).clips[Place.VERIFIED] == 1
        assert [clip.number for clip in await ledger.awaiting("another", limit=9)] == [1]
        assert await ledger.awaiting(parts.STORE, limit=9) == []


@pytest.mark.asyncio
async def test_a_store_for_flagged_clips_waits_for_those_alone(path: Path) -> None:
    """An extra store is to have what is flagged; whether a clip is stored never rests on it."""
    with parts.ledger_at(path) as ledger:
        await ledger.set_policy(required=1, stores=STORES)
        await ledger.record(parts.docked(), parts.seen(1, flagged=True), parts.seen(2))
        await ledger.record(*parts.proven(1)[1:], *parts.proven(2)[1:])
        # Both ways to count: anew when the policy changes, and fact by fact.
        await ledger.set_policy(required=1, stores=STORES, extra=frozenset({"court"}))
        assert [clip.number for clip in await ledger.awaiting("court", limit=9)] == [1]
        assert [clip.number for clip in await ledger.awaiting(parts.STORE, limit=9)] == [1, 2]
        await ledger.record(*parts.stored(1), *parts.stored(2))
        assert (await ledger.tally()).clips[Place.STORED] == 2
        assert await purgeable(ledger) == [2]
        await ledger.record(parts.seen(3, flagged=True))
        await ledger.record(*parts.proven(3)[1:], *parts.stored(3, store="court"))
        assert (await ledger.tally()).clips[Place.VERIFIED] == 1
        await ledger.record(*parts.stored(1, store="court"), *parts.stored(3))
        assert await purgeable(ledger) == [1, 2, 3]
        assert await ledger.awaiting("court", limit=9) == []


@pytest.mark.asyncio
async def test_what_was_measured_of_a_cameras_clock_is_not_taken_back(path: Path) -> None:
    """A listing with nothing new in it says nothing of the clock; what is known stays."""
    known = facts.Listed(
        docking=parts.DOCKING,
        files=1,
        size_bytes=1,
        refused=0,
        clock_source="mtime-utc",
        clock_offset_s=3600,
        clock_uncertainty_s=2,
    )
    nothing_new = replace(known, clock_offset_s=None, clock_uncertainty_s=None)
    with parts.ledger_at(path) as ledger:
        await ledger.record(parts.docked(), known)
        await ledger.record(nothing_new)
        (row,) = await ledger.dockings()
    assert row.clock.offset_s == 3600
    assert row.clock.uncertainty_s == 2


@pytest.mark.asyncio
async def test_only_a_whole_listing_bounds_what_comes_later(path: Path) -> None:
    """What a listing hid may be older than it, and must not make a clock look wrong."""
    hiding = facts.Listed(docking=parts.DOCKING, files=1, size_bytes=1, refused=1)
    with parts.ledger_at(path) as ledger:
        await ledger.record(parts.docked(), hiding)
        assert await ledger.last_listed_at(parts.CAMERA) is None
        await ledger.record(replace(hiding, refused=0))
        assert await ledger.last_listed_at(parts.CAMERA) is not None
        assert await ledger.last_listed_at("another") is None


@pytest.mark.asyncio
async def test_a_cameras_last_dockings_come_first_with_what_they_showed(tmp_path: Path) -> None:
    """The newest few, with the curve of each and the mark of what its camera brought."""
    with parts.ledger_at(tmp_path / "ledger.sqlite3") as ledger:
        names = [f"2026112{day}T015900Z-7f3a91c2" for day in range(1, 4)]
        for number, docking in enumerate(names):
            await ledger.record(
                facts.Docked(docking=docking, camera="CAM", slot="A1", family="directory"),
                facts.BatterySaid(docking=docking, said=f"{number}=41"),
                facts.Undocked(docking=docking, reason="the camera left"),
                facts.ChargeMeasured(
                    docking=docking,
                    seconds=0,
                    from_percent=None,
                    to_percent=None,
                    energy_mwh=None,
                    resets=0,
                    forecast_s=None,
                    ready_s=None,
                    rate_hundredths=4400 + number,
                    ends_hundredths=10_100,
                    ends_error_hundredths=12,
                ),
            )
        found = await ledger.newest_dockings("CAM", limit=2)
        assert [row.docking for row in found] == [names[2], names[1]]
        assert [row.battery_said for row in found] == ["2=41", "1=41"]
        shown = [row.charge for row in found if row.charge is not None]
        assert [one.rate_hundredths for one in shown] == [4402, 4401]
        assert (shown[0].ends_hundredths, shown[0].power_mw) == (10_100, None)
        assert await ledger.newest_dockings("NOBODY", limit=2) == []
