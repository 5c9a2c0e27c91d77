"""Holds of other stations: what is gone by, what is refused, and what is said of it."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from dockd.core import facts
from dockd.core.clip import CameraCopy
from dockd.errors import HoldsRefused, HoldsUnreachable, SpoolFull
from tests.fakes.holds_post import Post, fresh
from tests.stages.rig import Rig, rig_at, running, until

pytestmark = pytest.mark.asyncio


async def looked(post: Post) -> None:
    """Wait until the list was asked for once more, and all of that look is done."""
    seen = post.asked
    await until(lambda: post.asked >= seen + 2, what="the list is asked for again")


def film(rig: Rig, serial: str) -> Path:
    """Dock a camera with one clip."""
    folder = rig.rack.folder("A1", serial) / "DCIM"
    folder.mkdir()
    (folder / "1.MP4").write_bytes(serial.encode())
    rig.rack.dock("A1", serial)
    return folder / "1.MP4"


async def test_nothing_is_cleared_before_a_list_has_come(tmp_path: Path) -> None:
    """With no list at all everything is offloaded and stored, stays, and that is said."""
    post = Post()
    async with rig_at(tmp_path, holds=post) as rig, running(rig):
        file = film(rig, "BWC-1")
        await until(lambda: rig.count(facts.ReceiptAccepted) > 0, what="the clip is stored")
        await looked(post)
        assert {"holds-outdated", "holds-unreachable"} <= rig.open_problems()
        assert file.exists()
        assert rig.count(facts.WipeIntended) == 0
        post.offered = fresh(rig.clock)
        await until(lambda: not file.exists(), what="the clip is cleared")
        await looked(post)
        assert not {"holds-outdated", "holds-unreachable"} & rig.open_problems()


async def test_a_list_is_said_although_the_record_was_full(tmp_path: Path) -> None:
    """A list that counts and could not be recorded is recorded at a later look, and only once."""
    post = Post()
    async with rig_at(tmp_path, holds=post) as rig, running(rig):
        record = rig.ledger.record
        full = True

        async def recorded(*facts_: facts.Fact) -> None:
            if full and any(isinstance(fact, facts.HoldsListed) for fact in facts_):
                raise SpoolFull("no room for the record")
            await record(*facts_)

        rig.ledger.record = recorded  # type: ignore[method-assign]  # a disk that is full
        post.offered = fresh(rig.clock, cameras=["BWC-1"], minutes=1)
        await until(lambda: "BWC-1" in rig.shared_holds.standing().subjects, what="it counts")
        await looked(post)
        assert "spool-full" in rig.open_problems()
        assert rig.count(facts.HoldsListed) == 0
        full = False
        await until(lambda: rig.count(facts.HoldsListed) == 1, what="it is said")
        await looked(post)
        assert rig.count(facts.HoldsListed) == 1
        assert "spool-full" not in rig.open_problems()


async def test_a_list_that_an_earlier_run_kept_is_said_though_it_is_the_same(
    tmp_path: Path,
) -> None:
    """A run that was killed with the list on its disk and not on record leaves it to the next."""
    post = Post()
    async with rig_at(tmp_path, holds=post) as rig:
        post.offered = post.on_disk = fresh(rig.clock, cameras=["BWC-1"], minutes=1)
        await rig.shared_holds.settle()
        async with running(rig):
            await until(lambda: rig.count(facts.HoldsListed) == 1, what="it is said")
            await looked(post)
            assert rig.count(facts.HoldsListed) == 1


async def test_a_list_counts_although_it_cannot_be_kept(tmp_path: Path) -> None:
    """A hold that came is gone by while the spool takes no file, and is kept when it does again."""
    post = Post()
    async with rig_at(tmp_path, holds=post) as rig, running(rig):
        post.offered = fresh(rig.clock, minutes=2)
        await until(lambda: rig.count(facts.HoldsListed) == 1, what="the list of before is here")
        older, post.full = post.on_disk, True
        post.offered = fresh(rig.clock, cameras=["BWC-1"], minutes=1)
        await until(lambda: rig.count(facts.HoldsListed) == 2, what="it counts, and that is said")
        file = film(rig, "BWC-1")
        await until(lambda: rig.count(facts.ReceiptAccepted) > 0, what="the clip is stored")
        await looked(post)
        assert (rig.count(facts.WipeIntended), file.exists()) == (0, True)
        assert "spool-full" in rig.open_problems()
        assert post.on_disk == older
        post.full = False
        await until(lambda: post.on_disk == post.offered, what="it is kept")
        await looked(post)
        assert "spool-full" not in rig.open_problems()
        assert rig.count(facts.HoldsListed) == 2


async def test_what_another_station_holds_stays(tmp_path: Path) -> None:
    """A camera that the list names keeps its clips until a newer list lets it go."""
    post = Post()
    async with rig_at(tmp_path, holds=post) as rig, running(rig):
        post.offered = fresh(rig.clock, cameras=["BWC-1"], hours=2)
        await until(lambda: rig.count(facts.HoldsListed) == 1, what="the list is in force")
        file = film(rig, "BWC-1")
        await until(lambda: rig.count(facts.ReceiptAccepted) > 0, what="the clip is stored")
        await looked(post)
        assert rig.count(facts.WipeIntended) == 0
        # Replayed, forged or broken, nothing that comes now releases it.
        for offered in (fresh(rig.clock, hours=3), HoldsRefused("forged"), HoldsUnreachable("no")):
            post.offered = offered
            await looked(post)
            assert {"holds-refused", "holds-unreachable"} & rig.open_problems()
        assert file.exists()
        assert rig.count(facts.WipeIntended) == 0
        post.offered = fresh(rig.clock, hours=1)
        await until(lambda: not file.exists(), what="the clip is cleared")
        await looked(post)
        assert not {"holds-refused", "holds-unreachable"} & rig.open_problems()


@pytest.mark.parametrize("synchronised", [True, False])
async def test_a_list_grows_old_and_then_clears_nothing(tmp_path: Path, synchronised: bool) -> None:
    """After a day without a newer one the list counts no more, by the clock or by uptime."""
    post = Post()
    async with rig_at(tmp_path, holds=post) as rig:
        post.offered = fresh(rig.clock)
        await rig.shared_holds.settle()
        async with running(rig):
            await until(lambda: rig.count(facts.HoldsListed) == 1, what="the list is in force")
            rig.clock.synchronised = synchronised
            assert rig.shared_holds.standing().age_s is not None
            rig.clock.advance(25 * 3600)
            await until(lambda: "holds-outdated" in rig.open_problems(), what="it is said")
            file = film(rig, "BWC-1")
            await until(lambda: rig.count(facts.ReceiptAccepted) > 0, what="the clip is stored")
            await looked(post)
            assert file.exists()
            assert rig.count(facts.WipeIntended) == 0


async def test_a_kept_list_of_unknown_age_clears_nothing(tmp_path: Path) -> None:
    """After a restart without a clock a kept list is gone by, and clears nothing before one is."""
    post = Post()
    async with rig_at(tmp_path, holds=post) as rig:
        rig.clock.synchronised = False
        post.on_disk = post.offered = fresh(rig.clock, cameras=["BWC-1"], minutes=1)
        await rig.shared_holds.settle()
        standing = rig.shared_holds.standing()
        assert standing.subjects == {"BWC-1"}
        assert standing.age_s is None
        async with running(rig):
            await looked(post)
            assert rig.shared_holds.standing().age_s is None
            post.offered = fresh(rig.clock)
            await until(lambda: rig.count(facts.HoldsListed) == 2, what="the list is in force")
            # A newer one may be days old as well: a server gives out what nobody signs any more.
            assert rig.shared_holds.standing().age_s is None
            rig.clock.synchronised = True
            assert rig.shared_holds.standing().age_s is not None


async def test_an_old_list_clears_nothing_where_no_clock_can_tell(tmp_path: Path) -> None:
    """A list of three days ago, first seen without a clock, counts from no moment at all."""
    post = Post()
    async with rig_at(tmp_path, holds=post) as rig, running(rig):
        rig.clock.synchronised = False
        post.offered = fresh(rig.clock, hours=72)
        await until(lambda: rig.count(facts.HoldsListed) == 1, what="the list is in force")
        file = film(rig, "BWC-1")
        await until(lambda: rig.count(facts.ReceiptAccepted) > 0, what="the clip is stored")
        await looked(post)
        assert _reason(rig).startswith("nobody can tell how old")
        assert rig.count(facts.WipeIntended) == 0
        assert file.exists()


async def test_a_list_is_as_old_as_a_store_says_where_the_clock_cannot_tell(
    tmp_path: Path,
) -> None:
    """A store's clock tells how old a list is, and the station's, a week behind, does not count."""
    post = Post()
    async with rig_at(tmp_path, holds=post) as rig, running(rig):
        rig.clock.synchronised = False
        rig.clock.set_forward(timedelta(days=-7))
        post.offered = fresh(rig.clock, days=-4)
        file = film(rig, "BWC-1")
        await until(lambda: rig.count(facts.ReceiptAccepted) > 0, what="the clip is stored")
        await looked(post)
        assert _reason(rig).startswith("nobody can tell how old")
        rig.ahead_s["central"] = timedelta(days=7).total_seconds()
        await until(lambda: "is over 24 h old" in _reason(rig), what="its age is known")
        await looked(post)
        assert rig.count(facts.WipeIntended) == 0
        post.offered = fresh(rig.clock, days=-7, hours=1)
        await until(lambda: not file.exists(), what="the clip is cleared")
        await looked(post)
        assert "holds-outdated" not in rig.open_problems()


def _reason(rig: Rig) -> str:
    """Return why nothing is cleared for want of a list."""
    return "".join(one.reason for one in rig.problems.current() if one.slug == "holds-outdated")


async def test_a_kept_list_that_was_harmed_clears_nothing(tmp_path: Path) -> None:
    """A kept list that cannot be verified is as good as none, and that is said."""
    post = Post()
    post.on_disk = HoldsRefused("forged")
    async with rig_at(tmp_path, holds=post) as rig:
        await rig.shared_holds.settle()
        assert "holds-refused" in rig.open_problems()
        assert rig.shared_holds.standing().age_s is None


async def test_a_list_that_comes_amid_a_wipe_stops_it(tmp_path: Path) -> None:
    """What was not deleted yet when a list came is decided anew, by that list."""
    post = Post()
    async with rig_at(tmp_path, holds=post) as rig:
        post.offered = fresh(rig.clock, minutes=2)

        def on_commit(committed: Sequence[facts.Fact]) -> None:
            # The intent stands; before the deletion begins, the list is here.
            if any(isinstance(fact, facts.WipeIntended) for fact in committed):
                post.on_disk = fresh(rig.clock, cameras=["BWC-1"], minutes=1)
                rig.shared_holds._held = post.on_disk  # as `_accept` does, in the very same turn
                rig.shared_holds._subjects = frozenset({"BWC-1"})

        rig.ledger.on_commit(on_commit)
        async with running(rig):
            await until(lambda: rig.count(facts.HoldsListed) == 1, what="the list is in force")
            file = film(rig, "BWC-1")
            await until(lambda: rig.count(facts.WipeFailed) > 0, what="the wipe is taken back")
            assert file.exists()
        (clip,) = await rig.clips()
        assert clip.camera_copy is CameraCopy.PRESENT
