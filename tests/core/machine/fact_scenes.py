"""For every guard of clips and transfers, a history in which it alone saves a promise.

A scene passes with the rule in place; without it, the world sees a promise broken. Where another
rule would also have said no, the scene says so: that one is switched off in both, or is lied to.
"""

from collections.abc import Mapping
from dataclasses import replace

from dockd.core import facts
from dockd.core.redock import Found
from dockd.core.transfer import State
from tests.core.machine.box import Rules, name_of, verified_as
from tests.core.machine.rig import ALIKE, CONTENT, FOOTAGE, Rig
from tests.core.machine.settling import the_record_is_sound
from tests.core.machine.wiping_scenes import Scene, held, new_file, overwritten_alike, scrubbed
from tests.core.machine.world import part_digests, sha256

# --- guards of a clip ------------------------------------------------------------------------


def _grown(rules: Rules) -> None:
    rig = Rig.new(rules).stored()
    rig.attempt(rig.stay._seen_again(rig.clip(), _found(size_bytes=5)))
    rig.finish()


def _found(*, size_bytes: int, mtime_ns: int = 1) -> Found:
    return Found(path=FOOTAGE, size_bytes=size_bytes, mtime_ns=mtime_ns, flagged=False)


def _gap(rules: Rules) -> None:
    rig = Rig.new(rules)
    rig.offload(until="planned")
    rig.attempt(_part(rig, index=1))
    rig.finish()


def _part(rig: Rig, *, index: int) -> facts.PartSpooled:
    return facts.PartSpooled(
        clip=1,
        docking=rig.stay.docking,
        index=index,
        offset=index * 2,
        size_bytes=2,
        sha256=part_digests(CONTENT)[index],
    )


def _copied(rig: Rig, content: bytes) -> facts.ClipCopied:
    return facts.ClipCopied(
        clip=1, docking=rig.stay.docking, sha256=sha256(content), xxh128="", spliced=False
    )


def _misread(rules: Rules) -> None:
    """What was read back is called proven, although it is not what was read from the camera."""
    rig = Rig.new(rules)
    rig.offload(until="copied")
    bad = b"aa??"
    if rig.attempt(verified_as(rig.clip(), bad)):
        rig.station.spool.kept[name_of(rig.clip())] = bad
    rig.upload()
    rig.rogue_wipe()


def _half(rules: Rules) -> None:
    """Half a file is called the whole of it."""
    rig = Rig.new(rules)
    rig.offload(until="copied")
    half = replace(verified_as(rig.clip(), CONTENT), size_bytes=2)
    if rig.attempt(half):
        rig.station.spool.kept[name_of(rig.clip())] = CONTENT[:2]
    rig.finish()


def _changed_identity(rules: Rules) -> None:
    rig = Rig.new(rules).stored()
    rig.station.purge(1)
    rig.station.spool.incoming[name_of(rig.clip())] = ALIKE
    rig.attempt(_copied(rig, ALIKE))
    if rig.attempt(verified_as(rig.clip(), ALIKE)):
        rig.station.spool.kept[name_of(rig.clip())] = ALIKE
        the_twins = rig.station.ledger.transfers[1, "s1"]
        assert the_twins.sha256 == rig.clip().sha256, "a clip has become another under its receipt"


def _wrong_rehash(rules: Rules) -> None:
    rig = Rig.new(rules).stored()
    overwritten_alike(rig)
    rig.attempt(facts.ClipRehashed(clip=1, docking=rig.stay.docking, sha256=sha256(ALIKE)))
    rig.rogue_wipe()


def _held_wipe(rules: Rules) -> None:
    rig = Rig.new(rules).stored()
    held(rig)
    rig.rogue_wipe()


def _unproven_wipe(rules: Rules) -> None:
    rig = Rig.new(rules).stored()
    scrubbed(rig)
    rig.rogue_wipe()


def _unhashed_wipe(rules: Rules) -> None:
    rig = Rig.new(rules).stored()
    overwritten_alike(rig)
    rig.rogue_wipe()


def _unstored_wipe(rules: Rules) -> None:
    rig = Rig.new(rules)
    rig.offload()
    rig.rogue_wipe()


def _unstored_purge(rules: Rules) -> None:
    """Room is made of the only copy but the camera's, and the camera breaks."""
    rig = Rig.new(rules)
    rig.offload()
    _purge(rig)
    rig.camera.files.clear()
    rig.finish()
    rig.expect_stored()


def _purge(rig: Rig) -> None:
    if rig.attempt(facts.SpoolPurged(clip=1, reason="room")):
        rig.station.spool.kept.clear()


def _held_purge(rules: Rules) -> None:
    """What a person set aside stays where it is; the store may lose it."""
    rig = Rig.new(rules).stored()
    held(rig)
    _purge(rig)
    rig.store.objects.clear()
    rig.camera.files.clear()
    rig.finish()
    rig.expect_stored()


def _purge_in_a_wipe(rules: Rules) -> None:
    rig = Rig.new(rules).stored()

    def erase_after_purge() -> None:
        _purge(rig)
        rig.world.erase("A", rig.station.spool, rig.camera, FOOTAGE)

    rig.intended(erase_after_purge)


def _merged_away(rules: Rules) -> None:
    """A proven clip is merged into another, and with it goes the only copy there is."""
    rig = Rig.new(rules)
    new_file(rig)
    rig.offload()
    rig.attempt(facts.ClipMerged(clip=1, into=2))
    rig.camera.files.clear()
    rig.finish()
    rig.expect_stored()


def _hold_merged_away(rules: Rules) -> None:
    """The same content comes back under another mtime, is held, and turns out to be clip 1."""
    rig = Rig.new(rules).stored()
    rig.replaced(CONTENT, mtime_ns=2)
    rig.dock()
    rig.offload(until="copied")
    rig.station.hold(2, "legal")
    seen = rig.stay._seen_again(rig.clip(), _found(size_bytes=4, mtime_ns=2))
    again = facts.ClipRehashed(clip=1, docking=rig.stay.docking, sha256=sha256(CONTENT))
    if not rig.attempt(facts.ClipMerged(clip=2, into=1), seen, again):
        rig.run(rig.station.prove(2))
    rig.run(rig.stay.wipe())


CLIP_GUARDS: Mapping[str, tuple[Scene, str]] = {
    "a size changes only to what is known of it": (_grown, "a proven clip said to have grown"),
    "parts follow one another": (_gap, "a second part without a first"),
    "a copy is what was read": (_misread, "a bad read-back called proven"),
    "a partial copy is only called partial": (_half, "half a file called whole"),
    "an identity never changes": (_changed_identity, "proven as other content under old receipts"),
    "a second hashing finds the clip": (_wrong_rehash, "a rehash of other content"),
    "nothing that is held is wiped": (_held_wipe, "an intent in spite of a hold"),
    "only what the spool has proven is wiped": (_unproven_wipe, "an intent without a copy"),
    "only what was hashed in this docking is wiped": (_unhashed_wipe, "an intent after a break"),
    "only what stores have proven is wiped": (_unstored_wipe, "an intent without a receipt"),
    "nothing without a receipt makes room": (_unstored_purge, "the only copy purged"),
    "nothing that is held makes room": (_held_purge, "a held copy purged, then the store loses"),
    "nothing makes room while it is being wiped": (_purge_in_a_wipe, "purged after the intent"),
    "a copy that is evidence is not merged away": (_merged_away, "a proven clip merged away"),
    "nothing that is held is merged away": (_hold_merged_away, "a hold lost in a merge"),
}

# --- guards of a transfer --------------------------------------------------------------------


def _sent(rig: Rig, *parts: int) -> None:
    """Open an upload and send some of its two parts."""
    rig.station.ledger.record(facts.TransferQueued(clip=1, store="s1"))
    rig.station.ledger.record(facts.UploadCreating(clip=1, store="s1"))
    upload = rig.store.create(rig.clip().key or "")
    rig.station.ledger.record(facts.UploadOpened(clip=1, store="s1", upload_id=upload))
    for index in parts:
        rig.station.ledger.record(facts.PartSending(clip=1, store="s1", index=index))
        content, digest = CONTENT[2 * index : 2 * index + 2], part_digests(CONTENT)[index]
        etag = rig.store.send_part(upload, index, content, digest=digest)
        rig.station.ledger.record(facts.PartStored(clip=1, store="s1", index=index, etag=etag))


def _stored_in_the_end(rig: Rig) -> None:
    rig.upload()
    assert rig.station.ledger.transfers[1, "s1"].state is State.RECEIPTED, "it never arrives"
    rig.expect_stored()


def _sent_twice(rules: Rules) -> None:
    rig = Rig.new(rules)
    rig.offload()
    _sent(rig, 0)
    rig.attempt(facts.PartSending(clip=1, store="s1", index=0))
    the_record_is_sound(rig.station)
    _stored_in_the_end(rig)


def _never_sent(rules: Rules) -> None:
    rig = Rig.new(rules)
    rig.offload()
    _sent(rig, 0)
    rig.attempt(facts.PartStored(clip=1, store="s1", index=1, etag="e1"))
    _stored_in_the_end(rig)


def _arrived_and_failed(rules: Rules) -> None:
    rig = Rig.new(rules)
    rig.offload()
    _sent(rig, 0)
    rig.attempt(facts.PartUnsent(clip=1, store="s1", index=0))
    the_same = rig.station.ledger.transfers[1, "s1"]
    assert the_same.indices(None) == (1,), "sent again for nothing"
    _stored_in_the_end(rig)


def _opened_for_nothing(rules: Rules) -> None:
    """An empty file is given an upload that has no part to complete it."""
    rig = Rig.new(rules, content=b"")
    rig.offload()
    rig.station.ledger.record(facts.TransferQueued(clip=1, store="s1"))
    rig.attempt(facts.UploadCreating(clip=1, store="s1"))
    for _ in range(3):
        rig.upload()
    assert rig.station.ledger.transfers[1, "s1"].state is State.RECEIPTED, "it never arrives"


def _completed_too_soon(rules: Rules) -> None:
    rig = Rig.new(rules)
    rig.offload()
    _sent(rig, 0)
    rig.attempt(facts.ObjectFinalizing(clip=1, store="s1"))
    for _ in range(3):
        rig.upload()
    assert rig.station.ledger.transfers[1, "s1"].state is State.RECEIPTED, "it never arrives"
    rig.expect_stored()


def _receipt_for_other_content(rules: Rules) -> None:
    rig = Rig.new(rules).stored()
    rig.store.objects[rig.clip().key or ""].content = ALIKE
    rig.attempt(rig.receipt(sha256=sha256(ALIKE)))
    rig.upload()
    rig.finish()


TRANSFER_GUARDS: Mapping[str, tuple[Scene, str]] = {
    "only a pending part is sent": (_sent_twice, "a part that arrived is sent again"),
    "only a part in flight arrives": (_never_sent, "a part that was never sent has arrived"),
    "only a part in flight fails": (_arrived_and_failed, "a part that arrived is called unsent"),
    "an upload is opened for something to send": (_opened_for_nothing, "an upload for no part"),
    "every part arrived before the object is made": (_completed_too_soon, "one of two parts"),
    "a receipt is for this content": (_receipt_for_other_content, "a receipt for other content"),
}
