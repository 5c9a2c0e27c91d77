"""A model station's memory of facts, changed only through core, and its hand on its own spool."""

from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from dockd.core import clearance, clip_life, clip_rules, facts, naming, receipt, redock, transfer
from dockd.core.clip import Clip, SpoolCopy
from dockd.core.transfer import Transfer
from tests.core.machine import world as worlds
from tests.core.machine.world import Broken, Spool, Store, World, sha256

Work = Generator[str, None, None]
IDLE: Final = "idle"


@dataclass(frozen=True)
class Rules:
    """The tables the daemon goes by; a test hands in mutilated ones."""

    clip_guards: clip_rules.Guards = field(default_factory=lambda: clip_rules.GUARDS)
    transfer_guards: transfer.Guards = field(default_factory=lambda: transfer.GUARDS)
    conditions: clearance.Conditions = field(default_factory=lambda: clearance.CONDITIONS)
    intent: Mapping[str, Callable[[clearance.Intent], bool]] = field(
        default_factory=lambda: clearance.INTENT_CONDITIONS
    )


@dataclass
class Ledger:
    """State as the real ledger keeps it; `record` is one transaction."""

    rules: Rules
    spool_id: str
    clips: dict[int, Clip] = field(default_factory=dict)
    transfers: dict[tuple[int, str], Transfer] = field(default_factory=dict)
    set_aside: dict[str, frozenset[str]] = field(default_factory=dict)
    epoch: int = 1
    sequence: int = 0
    numbers: int = 0

    def snapshot(self) -> "Ledger":
        return replace(
            self,
            clips=dict(self.clips),
            transfers=dict(self.transfers),
            set_aside=dict(self.set_aside),
        )

    def next_number(self) -> int:
        self.numbers += 1
        return self.numbers

    def record(self, *recorded: facts.Fact) -> None:
        """Apply all facts or none."""
        after = self.snapshot()
        for fact in recorded:
            after._apply(fact)
        self.clips, self.transfers = after.clips, after.transfers
        self.set_aside, self.epoch = after.set_aside, after.epoch
        self.sequence += len(recorded)

    def _apply(self, fact: facts.Fact) -> None:
        match fact:
            case facts.ClipSeen():
                self.clips[fact.clip] = clip_life.born(fact)
            case facts.TransferFact():
                self._apply_transfer(fact)
            case facts.ClipFact():
                self.clips[fact.clip] = clip_life.apply(
                    self.clips[fact.clip], fact, guards=self.rules.clip_guards
                )
                self._refuse_twins(self.clips[fact.clip])
            case facts.SetAside():
                was = self.set_aside.get(fact.subject, frozenset())
                self.set_aside[fact.subject] = was | {fact.hold}
            case facts.SetFree():
                was = self.set_aside.get(fact.subject, frozenset())
                self.set_aside[fact.subject] = was - {fact.hold}
            case facts.EpochBegun():
                self.epoch = fact.epoch
            case _:
                raise TypeError(fact.kind)

    def _apply_transfer(self, fact: facts.TransferFact) -> None:
        at = (fact.clip, fact.store)
        clip = self.clips[fact.clip]
        if at not in self.transfers:
            self.transfers[at] = Transfer(
                clip=clip.number,
                store=fact.store,
                key=clip.key or "",
                size_bytes=clip.stored_size_bytes,
                sha256=clip.sha256 or "",
                parts=len(clip.part_sha256),
            )
        self.transfers[at] = transfer.apply(
            self.transfers[at], fact, guards=self.rules.transfer_guards
        )
        self.clips[fact.clip] = clip_life.apply(clip, fact, guards=self.rules.clip_guards)

    def _refuse_twins(self, clip: Clip) -> None:
        twins = [c for c in self.living() if c.key is not None and c.key == clip.key]
        if len(twins) > 1:
            raise Broken(f"{clip.key} is two pieces of evidence")

    def living(self) -> Iterable[Clip]:
        return [clip for clip in self.clips.values() if clip.merged_into is None]

    def on_camera(self, serial: str) -> list[Clip]:
        return [clip for clip in self.living() if clip.camera == serial]

    def by_key(self, key: str) -> Clip | None:
        return next((clip for clip in self.living() if clip.key == key), None)

    @property
    def subjects(self) -> frozenset[str]:
        return frozenset(subject for subject, kinds in self.set_aside.items() if kinds)


@dataclass
class Box:
    """A station's name, world, disk and ledger: what outlives a crash."""

    name: str
    world: World
    spool: Spool
    ledger: Ledger

    @property
    def spool_is_ours(self) -> bool:
        return self.spool.spool_id == self.ledger.spool_id

    def spool_copy_bytes(self, clip: Clip) -> int | None:
        kept = self.spool.kept.get(name_of(clip))
        return None if kept is None else len(kept)

    def prove(self, number: int) -> Work:
        """Read a copy back and record it as this clip, or as the one that it really is."""
        clip = self.ledger.clips[number]
        name = name_of(clip)
        back = self.spool.incoming.get(name, self.spool.kept.get(name))
        if back is None or (clip.copied and sha256(back) != clip.copied_sha256):
            self.ledger.record(facts.CopyDiscarded(clip=number, reason="not what was read"))
            self.spool.incoming.pop(name, None)
            return
        verified = verified_as(clip, back)
        if clip.sha256 not in {None, verified.sha256}:
            other = self.ledger.next_number()
            recorded = redock.split(clip, number=other, verified=verified)
            born = next(fact for fact in recorded if isinstance(fact, facts.ClipSeen))
            self.spool.incoming[name_of(clip_life.born(born))] = back
            yield "linked"
            self.ledger.record(*recorded)
            yield "split"
            self.spool.incoming.pop(name, None)
            yield from self.prove(other)
            return
        same = self.ledger.by_key(verified.key)
        if same is not None and same.number != number:
            yield from self._merge(clip, same, back, verified)
            return
        self.keep(clip_life.apply(clip, verified, guards=self.ledger.rules.clip_guards), back)
        self.spool.incoming.pop(name, None)
        yield "kept"
        self.ledger.record(verified)
        yield "verified"

    def _merge(self, clip: Clip, same: Clip, back: bytes, verified: facts.ClipVerified) -> Work:
        same = self.notice_loss(same)
        merge = redock.merge(clip, into=same, verified=verified)
        if merge.hand_over:
            kept = same
            for fact in merge.recorded:
                if fact.clip == same.number:
                    kept = clip_life.apply(kept, fact, guards=self.ledger.rules.clip_guards)
            self.keep(kept, back)
            yield "kept"
        self.ledger.record(*merge.recorded)
        yield "merged"
        self.spool.incoming.pop(name_of(clip), None)

    def keep(self, clip: Clip, content: bytes) -> None:
        self.spool.kept[name_of(clip)] = content
        self.spool.sidecars[name_of(clip)] = clip

    def notice_loss(self, clip: Clip) -> Clip:
        """Record it when the spool's copy of a clip is missing; return the clip as it is then."""
        missing = name_of(clip) not in self.spool.kept
        if self.spool_is_ours and clip.spool_copy is SpoolCopy.PROVEN and missing:
            self.ledger.record(facts.SpoolCopyLost(clip=clip.number, reason="missing"))
        return self.ledger.clips[clip.number]


def name_of(clip: Clip) -> str:
    """Return the name of a clip's copy in its spool."""
    return f"{clip.camera}/{clip.birth_docking}/{clip.path!r}/{clip.number}"


def expected_of(clip: Clip) -> receipt.Expected:
    """Return what a store is to hold of a clip."""
    return receipt.Expected(
        key=clip.key or "",
        size_bytes=clip.stored_size_bytes,
        sha256=clip.sha256 or "",
        part_size_bytes=worlds.PART_BYTES,
        part_sha256=clip.part_sha256,
    )


def judge(clip: Clip, found: receipt.Found, store: Store) -> receipt.Judgement:
    """Judge a store's answer, given what a probe of that store shows."""
    return receipt.judge(found, expected=expected_of(clip), trust=store.trust)


def accepted(
    clip: Clip, *, store: str, version: str, judged: receipt.Judgement, epoch: int
) -> facts.ReceiptAccepted:
    """Return the receipt that a judged answer amounts to."""
    return facts.ReceiptAccepted(
        clip=clip.number,
        store=store,
        strength=judged.strength,
        key=clip.key or "",
        version=version,
        size_bytes=clip.stored_size_bytes,
        sha256=clip.sha256 or "",
        how=judged.how,
        epoch=epoch,
    )


def verified_as(clip: Clip, back: bytes) -> facts.ClipVerified:
    """Return what reading a copy back says of it."""
    digest = sha256(back)
    return facts.ClipVerified(
        clip=clip.number,
        sha256=digest,
        xxh128="",
        size_bytes=len(back),
        key=naming.store_key(clip.camera, sha256=digest, path=clip.path),
        part_size_bytes=worlds.PART_BYTES,
        part_sha256=worlds.part_digests(back),
        proof="direct",
        partial=len(back) < clip.size_bytes,
    )
