"""What is special about a directory store."""

from pathlib import Path

import pytest

from dockd.errors import StoreLostObject, StoreRejected, StoreUnreachable
from dockd.stores.directory import MARKER, DirectoryOptions, DirectoryStore
from tests.fakes.clip_content import content_of, expected_of, sending
from tests.fakes.still_clock import StillClock

pytestmark = pytest.mark.asyncio


def share(folder: Path, *, allow_same_disk: bool = True, mounted: bool = True) -> DirectoryStore:
    """Make a share in a folder that also stands for the spool."""
    root = folder / "share"
    root.mkdir(exist_ok=True)
    if mounted:
        (root / MARKER).touch()
    options = DirectoryOptions(
        name="share",
        path=root,
        spool_path=folder,
        station="test-01",
        allow_same_disk=allow_same_disk,
    )
    return DirectoryStore(options, clock=StillClock())


async def test_a_share_that_is_not_mounted_is_unreachable(tmp_path: Path) -> None:
    """Without its marker file nothing is written to what may be an empty mount point."""
    store = share(tmp_path, mounted=False)
    with sending(content_of(99)) as outgoing, pytest.raises(StoreUnreachable) as caught:
        await store.put_whole(outgoing)
    assert "not mounted" in caught.value.reason
    assert list((tmp_path / "share").iterdir()) == []


async def test_an_unmounted_share_makes_no_receipt_look_lost(tmp_path: Path) -> None:
    """A clip that cannot be seen because the share is away is not lost."""
    store = share(tmp_path)
    with sending(content_of(99)) as outgoing:
        await store.put_whole(outgoing)
        (tmp_path / "share" / MARKER).unlink()
        with pytest.raises(StoreUnreachable):
            await store.prove(outgoing, version="")


async def test_the_spools_own_file_system_proves_nothing(tmp_path: Path) -> None:
    """A copy that dies with the spool's disk is of strength size and clears no camera."""
    store = share(tmp_path, allow_same_disk=False)
    with sending(content_of(99)) as outgoing:
        await store.put_whole(outgoing)
        proven = await store.prove(outgoing, version="")
    assert (proven.judgement.outcome, proven.judgement.strength) == ("receipt", "size")
    assert (await store.probe()).strength == "size"


async def test_a_file_that_changed_in_the_store_is_a_conflict(tmp_path: Path) -> None:
    """Proving reads the file: what rotted in the store is not what was sent."""
    store = share(tmp_path)
    with sending(content_of(99)) as outgoing:
        await store.put_whole(outgoing)
        (tmp_path / "share" / outgoing.expected.key).write_bytes(content_of(99, seed=1))
        proven = await store.prove(outgoing, version="")
    assert proven.judgement.outcome == "conflict"


async def test_a_link_at_the_key_is_not_followed(tmp_path: Path) -> None:
    """A link planted in the share is never taken for the clip, wherever it leads."""
    store = share(tmp_path)
    content = content_of(99)
    (tmp_path / "elsewhere").write_bytes(content)
    with sending(content) as outgoing:
        path = tmp_path / "share" / outgoing.expected.key
        path.parent.mkdir(parents=True)
        path.symlink_to(tmp_path / "elsewhere")
        assert await store.put_whole(outgoing) == ""
        with pytest.raises(StoreUnreachable):
            await store.prove(outgoing, version="")


@pytest.mark.parametrize("key", ["../outside", "/etc/passwd", "a/../../b", "", "./a"])
async def test_a_key_never_leads_out_of_the_share(tmp_path: Path, key: str) -> None:
    """Keys come from names that cameras choose; one that walks is refused."""
    store = share(tmp_path)
    with pytest.raises(StoreRejected):
        await store.write_record(key, b"x")
    content = content_of(1)
    expected = expected_of(content, key=key or "/")
    with sending(content, expected=expected) as outgoing, pytest.raises(StoreRejected):
        await store.put_whole(outgoing)


async def test_nothing_unfinished_is_left_in_the_share(tmp_path: Path) -> None:
    """After an upload only the clip, its metadata and the marker are there."""
    store = share(tmp_path)
    with sending(content_of(99)) as outgoing:
        await store.put_whole(outgoing)
        await store.put_whole(outgoing)
    root = tmp_path / "share"
    files = {path.relative_to(root).parts[0] for path in root.rglob("*") if path.is_file()}
    assert files == {MARKER, ".metadata", outgoing.expected.key.split("/")[0]}


async def test_a_directory_has_no_versions_to_read(tmp_path: Path) -> None:
    """A version that another store gave means nothing here."""
    store = share(tmp_path)
    with pytest.raises(StoreLostObject):
        async for _ in store.read_back("a/b", version="v1"):
            pass
