"""What may happen to a clip: a table for each of its three copies, and a guard for each fact.

Everything that moves a clip from one state to another is here and in ``transfer``.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from dockd.core import facts
from dockd.core.clip import CameraCopy, Clip, SpoolCopy, StoreCopy
from dockd.errors import IllegalFact

CAMERA_TRANSITIONS: Final[Mapping[tuple[CameraCopy, type[facts.Fact]], CameraCopy]] = {
    (CameraCopy.PRESENT, facts.ClipSeenAgain): CameraCopy.PRESENT,
    (CameraCopy.PRESENT, facts.ClipRehashed): CameraCopy.PRESENT,
    (CameraCopy.PRESENT, facts.ClipOverwritten): CameraCopy.GONE,
    (CameraCopy.PRESENT, facts.ClipGone): CameraCopy.GONE,
    (CameraCopy.PRESENT, facts.WipeIntended): CameraCopy.WIPING,
    (CameraCopy.WIPING, facts.ClipWiped): CameraCopy.WIPED,
    (CameraCopy.WIPING, facts.WipeFailed): CameraCopy.PRESENT,
    # A yank between the deletion and its flush: FAT still has the file at the next docking.
    (CameraCopy.WIPING, facts.ClipSeenAgain): CameraCopy.PRESENT,
    (CameraCopy.WIPED, facts.ClipSeenAgain): CameraCopy.PRESENT,
    # Listed as absent once and there after all: a person moved it back, or the listing was bad.
    (CameraCopy.GONE, facts.ClipSeenAgain): CameraCopy.PRESENT,
    # Why it is gone: another station had it on the camera later.
    (CameraCopy.GONE, facts.ClipElsewhere): CameraCopy.GONE,
    # The same name holds other content: this clip's file is gone, with or without our intent.
    (CameraCopy.WIPING, facts.ClipOverwritten): CameraCopy.GONE,
}

SPOOL_TRANSITIONS: Final[Mapping[tuple[SpoolCopy, type[facts.Fact]], SpoolCopy]] = {
    (SpoolCopy.NONE, facts.PartSpooled): SpoolCopy.PARTIAL,
    (SpoolCopy.NONE, facts.ClipCopied): SpoolCopy.PARTIAL,
    (SpoolCopy.PARTIAL, facts.PartSpooled): SpoolCopy.PARTIAL,
    (SpoolCopy.PARTIAL, facts.ClipCopied): SpoolCopy.PARTIAL,
    (SpoolCopy.PARTIAL, facts.ClipVerified): SpoolCopy.PROVEN,
    # A bad copy is simply made again: the camera still holds the original.
    (SpoolCopy.PARTIAL, facts.CopyDiscarded): SpoolCopy.NONE,
    (SpoolCopy.PROVEN, facts.SpoolPurged): SpoolCopy.PURGED,
    (SpoolCopy.PROVEN, facts.SpoolCopyLost): SpoolCopy.NONE,
    # The camera came back with the clip after its copy had made room: copied and proven anew.
    (SpoolCopy.PURGED, facts.PartSpooled): SpoolCopy.PARTIAL,
    (SpoolCopy.PURGED, facts.ClipCopied): SpoolCopy.PARTIAL,
}

STORE_TRANSITIONS: Final[Mapping[tuple[StoreCopy, type[facts.Fact]], StoreCopy]] = {
    (StoreCopy.NONE, facts.TransferQueued): StoreCopy.SENDING,
    (StoreCopy.SENDING, facts.ReceiptAccepted): StoreCopy.RECEIPTED,
    # A newer proof of the same object: confirmed again, or proven more strongly.
    (StoreCopy.RECEIPTED, facts.ReceiptAccepted): StoreCopy.RECEIPTED,
    (StoreCopy.RECEIPTED, facts.ReceiptLost): StoreCopy.LOST,
    # Whoever has a clip tried again may have seen that it is gone: the store is asked until it
    # answers, and until then nothing is deleted on its word.
    (StoreCopy.RECEIPTED, facts.ClipRetried): StoreCopy.DOUBTED,
    # What is found of a clip that is held is left to whoever holds it, and is not on record.
    (StoreCopy.RECEIPTED, facts.ClipReleased): StoreCopy.DOUBTED,
    (StoreCopy.DOUBTED, facts.ReceiptAccepted): StoreCopy.RECEIPTED,
    (StoreCopy.DOUBTED, facts.ReceiptLost): StoreCopy.LOST,
    (StoreCopy.LOST, facts.TransferQueued): StoreCopy.SENDING,
    # It is there after all: the store was restored, or another station sent it.
    (StoreCopy.LOST, facts.ReceiptAccepted): StoreCopy.RECEIPTED,
}

# What must be true of a clip, beyond its copies' states, before a fact may happen to it. Each has
# a name, so that a test can take it away and see the machine of tests/core notice.
Guards = Mapping[str, tuple[type[facts.Fact], Callable[[Clip, Any], bool]]]
GUARDS: Final[Guards] = {
    "a size changes only to what is known of it": (
        facts.ClipSeenAgain,
        lambda clip, fact: (
            fact.size_bytes in {None, clip.size_bytes}
            or clip.is_unread
            or (clip.partial and fact.size_bytes == clip.stored_size_bytes)
        ),
    ),
    "parts follow one another": (
        facts.PartSpooled,
        lambda clip, fact: (
            fact.index <= len(clip.spool_parts)
            and fact.offset == sum(part.size_bytes for part in clip.spool_parts[: fact.index])
        ),
    ),
    "a copy is what was read": (
        facts.ClipVerified,
        lambda clip, fact: fact.partial or (clip.copied and fact.sha256 == clip.copied_sha256),
    ),
    "a partial copy is only called partial": (
        facts.ClipVerified,
        lambda clip, fact: fact.partial == (fact.size_bytes < clip.size_bytes),
    ),
    "an identity never changes": (
        facts.ClipVerified,
        lambda clip, fact: clip.sha256 in {None, fact.sha256},
    ),
    "a second hashing finds the clip": (
        facts.ClipRehashed,
        lambda clip, fact: fact.docking == clip.docking and fact.sha256 == clip.sha256,
    ),
    "nothing that is held is wiped": (
        facts.WipeIntended,
        lambda clip, _: not clip.holds,
    ),
    "only what the spool has proven is wiped": (
        facts.WipeIntended,
        lambda clip, _: clip.spool_copy is SpoolCopy.PROVEN and not clip.partial,
    ),
    "only what was hashed in this docking is wiped": (
        facts.WipeIntended,
        lambda clip, fact: fact.docking == clip.docking == clip.hashed_in,
    ),
    "only what stores have proven is wiped": (
        facts.WipeIntended,
        lambda clip, fact: bool(fact.stores) and set(fact.stores) <= clip.vouched_by,
    ),
    "nothing without a receipt makes room": (
        facts.SpoolPurged,
        lambda clip, _: bool(clip.vouched_by),
    ),
    "nothing that is held makes room": (
        facts.SpoolPurged,
        lambda clip, _: not clip.holds,
    ),
    "nothing makes room while it is being wiped": (
        facts.SpoolPurged,
        lambda clip, _: clip.camera_copy is not CameraCopy.WIPING,
    ),
    "a copy that is evidence is not merged away": (
        facts.ClipMerged,
        lambda clip, fact: clip.sha256 is None and fact.into != clip.number,
    ),
    # Its holds go over first (redock.merge): a merge must not release what a person set aside.
    "nothing that is held is merged away": (
        facts.ClipMerged,
        lambda clip, _: not clip.holds,
    ),
}


def refuse_unless_permitted(clip: Clip, fact: facts.ClipFact, *, guards: Guards = GUARDS) -> None:
    """Raise IllegalFact when a guard forbids ``fact``, or when ``clip`` was merged away."""
    if clip.merged_into is not None:
        raise IllegalFact(reason=f"{fact.kind}: the clip was merged into {clip.merged_into}")
    for name, (kind, guard) in guards.items():
        if type(fact) is kind and not guard(clip, fact):
            raise IllegalFact(reason=f"{fact.kind}: {name}")
