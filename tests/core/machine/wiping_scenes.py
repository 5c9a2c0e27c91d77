"""For every condition of clearance, a history in which it alone saves a promise.

A scene passes with the rule in place; without it, the world sees a promise broken. Where another
rule would also have said no, the scene says so: that one is switched off in both, or is lied to.
"""

from collections.abc import Callable, Mapping
from typing import Any

from dockd.core import facts
from dockd.core.clearance import Media
from dockd.core.clip import CameraCopy, SpoolCopy
from tests.core.machine.box import Rules, name_of
from tests.core.machine.rig import ALIKE, CONTENT, FOOTAGE, OTHER, Rig
from tests.core.machine.world import Behaviour, File, Spool, sha256

Scene = Callable[[Rules], None]


def _one(changes: Callable[[Rig], None], **lies: Any) -> Scene:  # noqa: ANN401 - any field, right or wrong
    """Return a scene: store the clip, let something happen, and clear it if the verdict allows."""

    def scene(rules: Rules) -> None:
        rig = Rig.new(rules).stored()
        changes(rig)
        rig.wipe_on_verdict(**lies)

    return scene


def _switched_off(rig: Rig) -> None:
    rig.world.after = "never"


def scrubbed(rig: Rig) -> None:
    """The spool's copy was found rotten; only its bytes are no longer the clip's."""
    rig.rotten()
    rig.lie(spool_copy=SpoolCopy.NONE)


def _partial(rig: Rig) -> None:
    """A preallocated partial copy has the size of the file, and the camera has more in it."""
    rig.replaced()
    rig.lie(partial=True)


def _spool_swapped(rig: Rig) -> None:
    rig.station.spool = Spool(spool_id="other", kept={name_of(rig.clip()): b"zzzz"})


def _spool_copy_removed(rig: Rig) -> None:
    rig.station.spool.kept.clear()


def _none_required(rig: Rig) -> None:
    rig.world.required = 0


def _two_required(rig: Rig) -> None:
    rig.world.configured, rig.world.required = frozenset({"s1", "s2"}), 2


def held(rig: Rig) -> None:
    """A person puts a legal hold on the clip."""
    rig.station.hold(1, "legal")


def _old_docking_set_aside(rig: Rig) -> None:
    """A person sets aside the docking before this one, in which the clip lay on the camera."""
    rig.world.seen_in.setdefault("A1", set())
    rig.dock()
    rig.offload()
    rig.run(rig.stay._hash_again(1, rig.camera.files[FOOTAGE]))
    rig.station.set_aside("A1", "legal")


def _list_outdated(rig: Rig) -> None:
    """The list of holds that stations share has not come for two days."""
    rig.world.holds_age_s = 48 * 3600.0


def _gone(rig: Rig) -> None:
    """A person removed the clip and put another file of its size and mtime in its place."""
    rig.replaced()
    rig.station.ledger.record(facts.ClipGone(clip=1, docking=rig.stay.docking))


def _broken_docking(rig: Rig) -> None:
    """The camera was away, came back with another file, and the ledger thinks it hashed that."""
    rig.replaced()
    rig.dock()
    rig.lie(hashed_in=rig.stay.docking)


def overwritten_alike(rig: Rig) -> None:
    """Between two dockings other content takes the same name, size and mtime."""
    rig.replaced()
    rig.dock()
    rig.offload()


def _silent_change(rig: Rig) -> None:
    """The camera's content changes within a docking and shows no other size nor mtime."""
    rig.world.rehash = "always"
    rig.replaced()


def _resized(rig: Rig) -> None:
    rig.replaced(CONTENT + b"c")


def _touched(rig: Rig) -> None:
    rig.replaced(mtime_ns=2)


def new_file(rig: Rig) -> None:
    """Another file appears on the camera."""
    rig.camera.files[OTHER] = File(content=b"cc", mtime_ns=2)


def _troubled(rig: Rig) -> None:
    """A second clip is verified and not stored, on a medium with a dirty file system."""
    rig.camera.files[OTHER] = File(content=b"cc", mtime_ns=2)
    rig.offload()
    rig.camera.troubled = True


def _settings(rules: Rules) -> None:
    rig = Rig.new(rules, path=b"settings").stored()
    rig.wipe_on_verdict(path=b"settings")


def _media() -> Media:
    return Media(all_clips_verified=True, all_clips_stored=True, troubled=False)


CONDITIONS: Mapping[str, tuple[Scene, str]] = {
    "wiping is switched on": (_one(_switched_off), "switched off after the receipt"),
    "the spool's copy is proven": (
        _one(scrubbed, media=_media()),
        "a copy found rotten; told that all is verified",
    ),
    "the copy is of the whole file": (
        _one(_partial, media=_media()),
        "a preallocated partial; told that all is verified",
    ),
    "the spool is the one it was": (_one(_spool_swapped), "another disk with a file of that name"),
    "at least one store is required": (_one(_none_required), "configured to require none"),
    "the spool's copy is there": (
        _one(_spool_copy_removed, media=_media()),
        "copy removed behind the ledger's back; told that all is verified",
    ),
    "enough stores have proven that they hold it": (_one(_two_required), "two required, one has"),
    "the clip is not held": (_one(held), "a legal hold"),
    "its camera and no docking it was seen in are held": (
        _one(_old_docking_set_aside),
        "an earlier docking set aside",
    ),
    "the holds of other stations are known": (_one(_list_outdated), "a list of two days ago"),
    "the clip is on its camera": (
        _one(_gone, media=_media()),
        "removed and replaced within the docking; told that all is verified",
    ),
    "the docking is unbroken": (
        _one(_broken_docking, media=_media()),
        "redocked with other content; told that it was hashed",
    ),
    "the camera's whole file was hashed in this docking": (
        _one(overwritten_alike, media=_media()),
        "overwritten between dockings, same name, size, mtime; told that all is verified",
    ),
    "the camera's file was hashed again where that is always asked for": (
        _one(_silent_change),
        "content changed silently within the docking",
    ),
    "the camera's file has the size that was copied": (
        _one(_resized, media=_media()),
        "grew within the docking; told that all is verified",
    ),
    "the camera's file has the mtime that was copied": (
        _one(_touched, media=_media()),
        "rewritten within the docking; told that all is verified",
    ),
    "every clip on the camera is verified": (_one(new_file), "a file recorded after the offload"),
    "every clip is stored where the medium is troubled": (_one(_troubled), "dirty, one unstored"),
    "the family calls it footage that may be cleared": (_settings, "the camera's settings"),
}


def _with_receipt(changes: Callable[[Rig], None], *, ago_s: int = 0, **receipt: Any) -> Scene:  # noqa: ANN401 - any field, right or wrong
    """Return a scene in which memory holds a receipt, and the store no longer holds the clip."""

    def scene(rules: Rules) -> None:
        rig = Rig.new(rules).stored()
        given = rig.receipt(**receipt)
        rig.store.objects.clear()
        changes(rig)
        rig.wipe_on_verdict(given=[given], ago_s=ago_s)

    return scene


def _nothing(_: Rig) -> None:
    pass


def _other_store(rules: Rules) -> None:
    rig = Rig.new(rules).stored()
    rig.world.configured = frozenset({"s2"})
    rig.wipe_on_verdict()


def _by_size(rules: Rules) -> None:
    """The store says only a size, and holds other bytes of that size."""
    rig = Rig.new(rules)
    rig.store.behaviour, rig.store.readable, rig.store.corrupts = Behaviour.DUMB, False, True
    rig.offload()
    rig.upload()
    rig.lie(proven_by=("s1",))
    rig.wipe_on_verdict(given=[rig.receipt()])


def _restored(rig: Rig) -> None:
    rig.station.ledger.record(facts.EpochBegun(epoch=2, reason="behind its checkpoint"))


def _audited(rig: Rig) -> None:
    rig.station.audit()


RECEIPT_CONDITIONS: Mapping[str, tuple[Scene, str]] = {
    "the receipt is from a store configured now": (_other_store, "another store was configured"),
    "the receipt is of strength digest": (_by_size, "right size, wrong bytes; record lied to"),
    "the receipt is for this clip": (
        _with_receipt(_nothing, clip=2),
        "another clip's receipt with this one's words; object lost",
    ),
    "the receipt binds this content": (
        _with_receipt(_nothing, sha256=sha256(ALIKE)),
        "a receipt for other content; object lost",
    ),
    "the receipt binds this key": (
        _with_receipt(_nothing, key="elsewhere"),
        "a receipt for another key; object lost",
    ),
    "the receipt is of this epoch": (
        _with_receipt(_restored),
        "a receipt from before the ledger was restored; object lost",
    ),
    "the receipt was confirmed just now": (
        _with_receipt(_nothing, ago_s=400),
        "object lost since the confirmation",
    ),
    "the clip's own record agrees": (
        _with_receipt(_audited),
        "the record knows that the object was lost, memory does not",
    ),
}


def _after_intent(event: Callable[[Rig], object]) -> Scene:
    def scene(rules: Rules) -> None:
        rig = Rig.new(rules).stored()
        rig.intended(lambda: event(rig))

    return scene


def _intent_withdrawn(rules: Rules) -> None:
    """Somebody else withdrew the intent: what is cleared without one looks gone, not wiped."""
    rig = Rig.new(rules).stored()
    failed = facts.WipeFailed(clip=1, docking=rig.stay.docking, reason="test")
    rig.intended(lambda: rig.attempt(failed))
    rig.dock()
    rig.offload()
    assert rig.clip().camera_copy is not CameraCopy.GONE, "dockd cleared it and calls it gone"


def _unnoticed_break(rig: Rig) -> None:
    rig.replaced()
    rig.lie(docking="another stay")


def _lost_and_audited(rig: Rig) -> None:
    rig.store.objects.clear()
    rig.station.audit()


def _found_rotten(rig: Rig) -> None:
    rig.rotten()
    rig.station.ledger.record(facts.SpoolCopyLost(clip=1, reason="rotten"))


INTENT_CONDITIONS: Mapping[str, tuple[Scene, str]] = {
    "the intent stands": (_intent_withdrawn, "withdrawn before the deletion"),
    "the docking is unbroken": (_after_intent(_unnoticed_break), "redocked within the batch"),
    "the clip is not held": (_after_intent(held), "held between intent and deletion"),
    "its camera and no docking it was seen in are held": (
        _after_intent(lambda rig: rig.station.set_aside("c1", "error")),
        "camera set aside between intent and deletion",
    ),
    "the holds of other stations are known": (
        _after_intent(_list_outdated),
        "the list of holds grew old after the intent",
    ),
    "the spool's copy is proven": (_after_intent(_found_rotten), "found rotten after the intent"),
    "the spool is the one it was": (_after_intent(_spool_swapped), "disk swapped after the intent"),
    "the spool's copy is there": (
        _after_intent(_spool_copy_removed),
        "copy removed after the intent",
    ),
    "no store has lost it meanwhile": (
        _after_intent(_lost_and_audited),
        "object lost after the intent",
    ),
}
