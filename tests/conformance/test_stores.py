"""The suite that every store passes, real or not; what differs is said by the far side."""

import hashlib
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import pytest

from dockd.errors import (
    StoreChecksumMismatch,
    StoreLostObject,
    StoreRejected,
    UploadVanished,
)
from dockd.ports.store import Outgoing, Store
from tests.conformance.far_sides import FarSide
from tests.fakes.clip_content import PART_BYTES, content_of, expected_of, sending

pytestmark = pytest.mark.asyncio


@asynccontextmanager
async def client(far: FarSide) -> AsyncIterator[Store]:
    """Connect as a daemon that has just started would."""
    store = far.connect()
    try:
        yield store
    finally:
        await store.close()


async def upload(far: FarSide, outgoing: Outgoing) -> str:
    """Send a clip in parts, losing the client between any two steps; return its version."""
    async with client(far) as store:
        upload_id = await store.create_upload(outgoing)
    etags = {}
    for index in range(len(outgoing.expected.part_sha256)):
        async with client(far) as store:
            etags[index] = await store.send_part(outgoing, upload_id=upload_id, index=index)
    if far.manners.keeps:
        async with client(far) as store:
            await assert_arrived(far, store, outgoing, upload_id=upload_id, sent=etags)
    async with client(far) as store:
        return await store.complete(outgoing, upload_id=upload_id, etags=etags)


async def assert_arrived(
    far: FarSide, store: Store, outgoing: Outgoing, *, upload_id: str, sent: Mapping[int, str]
) -> None:
    """Have the far side name the parts that it has; all that it said of them, if it can."""
    arrived = await store.arrived_parts(outgoing, upload_id=upload_id)
    # What had to be confirmed at once is not known to be right by being there.
    assert arrived == ({} if far.manners.confirms else sent)


async def assert_found(far: FarSide, store: Store, outgoing: Outgoing, *, version: str) -> None:
    """Have the far side find the object by its key, as far as it can."""
    found = await store.find_object(outgoing)
    match far.manners.finds:
        case "version":
            assert found == version
        case "key":
            assert found is not None
        case "nothing":
            assert found is None


async def assert_receipt(far: FarSide, outgoing: Outgoing, *, version: str) -> None:
    """Have the far side prove the clip as strongly as it can."""
    async with client(far) as store:
        proven = await store.prove(outgoing, version=version)
    assert (proven.judgement.outcome, proven.judgement.strength) == ("receipt", far.strength)
    assert proven.size_bytes == outgoing.expected.size_bytes
    assert proven.version == version


async def test_records_are_listed_behind_one_of_them(far: FarSide) -> None:
    """Small objects below a prefix come in their order, from behind the one that is named."""
    prefix = f"BWC-{secrets.token_hex(6)}/dockings/"
    async with client(far) as store:
        assert list(await store.records(prefix, after=f"{prefix}1.json")) == []
        for name in ("3", "1", "2"):
            await store.write_record(f"{prefix}{name}.json", b"{}")
        await store.write_record(f"{prefix.removesuffix('/')}-of-another/4.json", b"{}")
        found = await store.records(prefix, after=f"{prefix}1.json")
        listed = [f"{prefix}2.json", f"{prefix}3.json"] if store.readable else []
    assert list(found) == listed


@pytest.mark.parametrize("size_bytes", [0, 1, 65_537, PART_BYTES])
async def test_a_clip_put_whole_is_there_whole_and_proved(far: FarSide, size_bytes: int) -> None:
    """A clip of one part, an empty one too, arrives in one request and gets its receipt."""
    content = content_of(size_bytes)
    with sending(content) as outgoing:
        async with client(far) as store:
            assert await store.find_object(outgoing) is None
            version = await store.put_whole(outgoing)
            await assert_found(far, store, outgoing, version=version)
        await assert_receipt(far, outgoing, version=version)
        assert far.content(outgoing.expected.key) == content


@pytest.mark.parametrize("size_bytes", [2 * PART_BYTES, 2 * PART_BYTES + 1])
async def test_a_clip_in_parts_survives_the_loss_of_the_client_between_any_two_steps(
    far: FarSide, size_bytes: int
) -> None:
    """Every step of an upload can be taken by a new client, exactly n parts or a bit more."""
    content = content_of(size_bytes)
    with sending(content) as outgoing:
        version = await upload(far, outgoing)
        await assert_receipt(far, outgoing, version=version)
        assert far.content(outgoing.expected.key) == content


async def test_an_upload_that_a_crash_left_is_found_again(far: FarSide) -> None:
    """An upload that was created but never recorded is found by its key, and only while empty."""
    with sending(content_of(PART_BYTES + 1)) as outgoing:
        async with client(far) as store:
            assert await store.find_upload(outgoing) is None
            upload_id = await store.create_upload(outgoing)
        async with client(far) as store:
            # What only ever had an address of its own is the ledger's to find.
            by_key = None if far.manners.in_order else upload_id
            assert await store.find_upload(outgoing) == by_key
            index = 0 if far.manners.in_order else 1
            await store.send_part(outgoing, upload_id=upload_id, index=index)
            assert await store.find_upload(outgoing) is None
            await store.abort(outgoing, upload_id=upload_id)
            assert await store.find_upload(outgoing) is None


async def test_parts_that_arrived_are_known_by_index(far: FarSide) -> None:
    """After a crash the store says which parts it has, in whatever order they came."""
    order = (0, 1) if far.manners.in_order else (2, 0)
    with sending(content_of(2 * PART_BYTES + 7)) as outgoing:
        async with client(far) as store:
            upload_id = await store.create_upload(outgoing)
            assert await store.arrived_parts(outgoing, upload_id=upload_id) == {}
            sent = {
                index: await store.send_part(outgoing, upload_id=upload_id, index=index)
                for index in order
            }
        async with client(far) as store:
            await assert_arrived(far, store, outgoing, upload_id=upload_id, sent=sent)
            await store.abort(outgoing, upload_id=upload_id)


async def test_a_part_sent_twice_counts_once(far: FarSide) -> None:
    """A part whose reply was lost is simply sent again."""
    content = content_of(PART_BYTES + 1)
    with sending(content) as outgoing:
        async with client(far) as store:
            upload_id = await store.create_upload(outgoing)
            etags = {0: await store.send_part(outgoing, upload_id=upload_id, index=0)}
            if far.manners.confirms:
                # What a checksum did not confirm at once is begun again, and never guessed.
                with pytest.raises(UploadVanished):
                    await store.send_part(outgoing, upload_id=upload_id, index=0)
                return
            for index in (0, 1) if far.manners.in_order else (1, 0):
                etags[index] = await store.send_part(outgoing, upload_id=upload_id, index=index)
            version = await store.complete(outgoing, upload_id=upload_id, etags=etags)
        await assert_receipt(far, outgoing, version=version)
        assert far.content(outgoing.expected.key) == content


async def test_an_object_that_is_there_already_is_proved_and_not_replaced(far: FarSide) -> None:
    """Sending a clip again, whole or in parts, makes no second version of it."""
    content = content_of(PART_BYTES + 1)
    with sending(content) as outgoing:
        first = await upload(far, outgoing)
        second = await upload(far, outgoing)
        assert (second == first) == (far.manners.finds == "version")
        await assert_receipt(far, outgoing, version=second)
        assert far.versions(outgoing.expected.key) == (1 if far.manners.one_per_key else 2)


async def test_a_whole_clip_that_is_there_already_is_not_replaced(far: FarSide) -> None:
    """Putting a clip twice makes no second version of it."""
    with sending(content_of(99)) as outgoing:
        async with client(far) as store:
            first = await store.put_whole(outgoing)
        async with client(far) as store:
            second = await store.put_whole(outgoing)
        assert (second == first) == (far.manners.finds == "version")
        found = far.manners.one_per_key or far.manners.finds == "key"
        assert far.versions(outgoing.expected.key) == (1 if found else 2)


@pytest.mark.parametrize("other_bytes", [99, 100])
async def test_other_content_at_the_key_is_never_taken_for_the_clip(
    far: FarSide, other_bytes: int
) -> None:
    """What stands at the key gets no digest receipt for other content, of whatever size."""
    content = content_of(99)
    expected = expected_of(content)
    other = content_of(other_bytes, seed=1)
    with sending(other, expected=expected_of(other, key=expected.key)) as outgoing:
        async with client(far) as store:
            await store.put_whole(outgoing)
    with sending(content, expected=expected) as outgoing:
        async with client(far) as store:
            version = await store.put_whole(outgoing)
            judgement = (await store.prove(outgoing, version=version)).judgement
        assert far.content(expected.key) == (content if far.replaces else other)
    assert judgement.outcome == ("receipt" if far.replaces else "conflict")


async def test_wrong_bytes_in_a_part_never_become_a_digest_receipt(far: FarSide) -> None:
    """A spool that rots under way is refused, or at the very least not proved."""
    content = content_of(PART_BYTES + 1)
    rotten = bytes([content[0] ^ 1]) + content[1:]
    with sending(content, spooled=rotten) as outgoing:
        async with client(far) as store:
            upload_id = await store.create_upload(outgoing)
            if far.refuses_wrong_bytes:
                with pytest.raises(StoreChecksumMismatch):
                    await store.send_part(outgoing, upload_id=upload_id, index=0)
                assert await store.arrived_parts(outgoing, upload_id=upload_id) == {}
                await store.abort(outgoing, upload_id=upload_id)
                return
        version = await upload(far, outgoing)
        async with client(far) as store:
            judgement = (await store.prove(outgoing, version=version)).judgement
    assert judgement.outcome == "conflict" or judgement.strength == "size"


async def test_wrong_bytes_put_whole_never_become_a_digest_receipt(far: FarSide) -> None:
    """A clip of one part is checked as strictly as one of many."""
    with sending(content_of(99), spooled=content_of(99, seed=1)) as outgoing:
        async with client(far) as store:
            if far.refuses_wrong_bytes:
                with pytest.raises(StoreChecksumMismatch):
                    await store.put_whole(outgoing)
                assert await store.find_object(outgoing) is None
                return
            version = await store.put_whole(outgoing)
            judgement = (await store.prove(outgoing, version=version)).judgement
    assert judgement.outcome == "conflict" or judgement.strength == "size"


async def test_a_spool_copy_that_ends_early_is_not_sent_as_the_clip(far: FarSide) -> None:
    """A spool copy that was cut short is noticed before anything stands at the key."""
    with sending(content_of(99), spooled=content_of(50)) as outgoing:
        async with client(far) as store:
            with pytest.raises(StoreChecksumMismatch):
                await store.put_whole(outgoing)
            assert await store.find_object(outgoing) is None


async def test_an_upload_with_a_part_missing_is_not_completed(far: FarSide) -> None:
    """An object is never made of fewer parts than it has."""
    with sending(content_of(2 * PART_BYTES + 1)) as outgoing:
        async with client(far) as store:
            upload_id = await store.create_upload(outgoing)
            etags = {
                index: await store.send_part(outgoing, upload_id=upload_id, index=index)
                for index in ((0, 1) if far.manners.in_order else (0, 2))
            }
            with pytest.raises(UploadVanished):
                await store.complete(outgoing, upload_id=upload_id, etags=etags)
            claimed = dict.fromkeys(range(3), etags[0]) | etags
            with pytest.raises(UploadVanished):
                await store.complete(outgoing, upload_id=upload_id, etags=claimed)
            assert await store.find_object(outgoing) is None


async def test_an_upload_that_the_store_forgot_is_told_from_one_without_parts(
    far: FarSide,
) -> None:
    """Whatever is asked of an aborted upload, the answer is that it vanished."""
    with sending(content_of(PART_BYTES + 1)) as outgoing:
        async with client(far) as store:
            upload_id = await store.create_upload(outgoing)
            etags = {
                index: await store.send_part(outgoing, upload_id=upload_id, index=index)
                for index in ((0,) if far.manners.in_order else (0, 1))
            }
            etags = dict.fromkeys(range(2), etags[0]) | etags
            await store.abort(outgoing, upload_id=upload_id)
            with pytest.raises(UploadVanished):
                await store.arrived_parts(outgoing, upload_id=upload_id)
            with pytest.raises(UploadVanished):
                await store.send_part(outgoing, upload_id=upload_id, index=0)
            with pytest.raises(UploadVanished):
                await store.complete(outgoing, upload_id=upload_id, etags=etags)
            await store.abort(outgoing, upload_id=upload_id)


async def test_an_object_that_vanished_after_its_receipt_is_said_to_be_lost(far: FarSide) -> None:
    """A receipt is asked for again before a wipe, and a lost object turns no key."""
    with sending(content_of(99)) as outgoing:
        async with client(far) as store:
            version = await store.put_whole(outgoing)
            await store.prove(outgoing, version=version)
            far.lose(outgoing.expected.key)
            if not far.manners.keeps:
                judgement = (await store.prove(outgoing, version=version)).judgement
                assert judgement.strength == "size"
                return
            with pytest.raises(StoreLostObject):
                await store.prove(outgoing, version=version)
            assert await store.find_object(outgoing) is None


async def test_what_was_stored_can_be_read_back(far: FarSide) -> None:
    """The content comes back in pieces, the same to the last byte."""
    content = content_of(PART_BYTES)
    with sending(content) as outgoing:
        async with client(far) as store:
            version = await store.put_whole(outgoing)
            if not far.manners.reads:
                with pytest.raises((StoreLostObject, StoreRejected)):
                    await anext(store.read_back(outgoing.expected.key, version=version))
                return
            hasher = hashlib.sha256()
            async for piece in store.read_back(outgoing.expected.key, version=version):
                assert 0 < len(piece) <= 1024 * 1024
                hasher.update(piece)
    assert hasher.hexdigest() == outgoing.expected.sha256


async def test_reading_back_what_is_not_there_says_so(far: FarSide) -> None:
    """A missing object is lost, not empty."""
    with sending(content_of(99)) as outgoing:
        async with client(far) as store:
            with pytest.raises(StoreLostObject):
                async for _ in store.read_back(outgoing.expected.key, version=""):
                    pass


async def test_records_are_written_replaced_read_and_deleted(far: FarSide) -> None:
    """A small record of dockd's own has one present content, or none."""
    docking = f"20261123T015900Z-{secrets.token_hex(4)}"
    key = f"BWC-000123/dockings/{docking}.json"
    async with client(far) as store:
        assert await store.read_record(key) is None
        await store.write_record(key, b"{}")
        await store.write_record(key, b'{"clips": []}')
        if store.readable:
            assert await store.read_record(key) == b'{"clips": []}'
        await store.delete_record(key)
        assert await store.read_record(key) is None
        await store.delete_record(key)


@pytest.mark.parametrize(
    "path",
    [
        b"DCIM/a b+c&d=e?f#g.MP4",
        b"DCIM/\xff\x00\n%41.MP4",
        "DCIM/Größe/é~'()*!.MP4".encode(),
        b"../../etc/passwd",
    ],
)
async def test_odd_names_arrive_at_their_own_keys(far: FarSide, path: bytes) -> None:
    """A name that needs escaping is escaped once, and found again at the same key."""
    content = content_of(10)
    expected = expected_of(content, path=path)
    with sending(content, expected=expected) as outgoing:
        async with client(far) as store:
            version = await store.put_whole(outgoing)
        await assert_receipt(far, outgoing, version=version)
        assert far.content(expected.key) == content


async def test_the_longest_name_arrives(far: FarSide) -> None:
    """A name as long as the far side permits arrives unshortened."""
    content = content_of(10)
    expected = expected_of(content, path=b"DCIM/" + b"n" * far.longest_name_bytes)
    with sending(content, expected=expected) as outgoing:
        async with client(far) as store:
            version = await store.put_whole(outgoing)
        await assert_receipt(far, outgoing, version=version)


async def test_the_probe_says_what_receipts_are_worth_and_leaves_nothing(far: FarSide) -> None:
    """The probe's verdict is the strength of receipts, unless clips are read back."""
    async with client(far) as store:
        probe = await store.probe()
    assert probe.strength == far.probed
    assert probe.detail
