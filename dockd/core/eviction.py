"""Eviction: whether a spool copy may make room. Nothing that anybody still reads or rests on goes.

Pure and exhaustive, as ``clearance`` is: once a camera is cleared, the spool's copy is the only one
beside the stores', and for a store that has none yet it is what the upload reads.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from dockd.core.clearance import is_set_aside
from dockd.core.clip import CameraCopy, Clip, SpoolCopy, recipients
from dockd.core.facts import ReceiptAccepted


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything that the decision about one spool copy rests on.

    ``extra_stores`` are those that get flagged clips beside ``configured_stores``.
    ``unasked`` are those that did not tell yet, in this run, whether the ledger was restored.
    ``receipts`` are those the clip has now, one a store. ``epoch`` is the ledger's. ``set_aside``
    holds every camera and docking that a person has set aside, ``docked`` every open docking.
    """

    clip: Clip
    receipts: tuple[ReceiptAccepted, ...]
    configured_stores: frozenset[str]
    required: int
    epoch: int
    set_aside: frozenset[str]
    docked: frozenset[str]
    extra_stores: frozenset[str] = frozenset()
    unasked: frozenset[str] = frozenset()


def holders(clip: Clip, receipts: tuple[ReceiptAccepted, ...], *, epoch: int) -> frozenset[str]:
    """Return the stores that have proven, in this ``epoch``, that they hold exactly this clip.

    One that is in doubt has to repeat it first.
    """
    return frozenset(
        receipt.store
        for receipt in receipts
        if receipt.store in clip.vouched_by
        and (receipt.strength, receipt.epoch, receipt.clip) == ("digest", epoch, clip.number)
        and (receipt.key, receipt.sha256) == (clip.key, clip.sha256)
        and receipt.size_bytes == clip.stored_size_bytes
    )


def _holders(evidence: Evidence) -> frozenset[str]:
    # What a restored ledger says of a store may be long over, and its epoch not yet begun.
    return holders(evidence.clip, evidence.receipts, epoch=evidence.epoch) - evidence.unasked


def _to_have_it(evidence: Evidence) -> frozenset[str]:
    return recipients(evidence.clip, stores=evidence.configured_stores, extra=evidence.extra_stores)


CONDITIONS: Final[Mapping[str, Callable[[Evidence], bool]]] = {
    "the spool's copy is proven": lambda evidence: evidence.clip.spool_copy is SpoolCopy.PROVEN,
    "the clip is not held": lambda evidence: not evidence.clip.holds,
    "its camera and no docking it was seen in are held": lambda evidence: (
        not is_set_aside(evidence.clip, evidence.set_aside)
    ),
    "no wipe rests on it": lambda evidence: evidence.clip.camera_copy is not CameraCopy.WIPING,
    # The copy of a clip that is in the rack would only be made again.
    "its camera does not bring it again": lambda evidence: (
        evidence.clip.docking not in evidence.docked
        or evidence.clip.camera_copy is CameraCopy.WIPED
    ),
    "at least one store is required": lambda evidence: evidence.required >= 1,
    "enough stores have proven that they hold it": lambda evidence: (
        len(_holders(evidence) & evidence.configured_stores) >= evidence.required
    ),
    # Its upload reads the spool's copy, however few stores are required.
    "no store is still to have it": lambda evidence: _holders(evidence) >= _to_have_it(evidence),
}


def may_evict(evidence: Evidence) -> bool:
    """Return whether the spool's copy of one clip may make room."""
    return all(holds(evidence) for holds in CONDITIONS.values())
