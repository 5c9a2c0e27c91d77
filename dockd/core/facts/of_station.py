"""Facts about the station itself, its spool, its stores and its problems."""

from dataclasses import dataclass

from dockd.core.facts.fact import Fact, HoldKind, Strength


@dataclass(frozen=True, kw_only=True)
class StationFact(Fact):
    """A fact about the station itself."""


@dataclass(frozen=True, kw_only=True)
class StationStarted(
    StationFact,
    kind="station-started",
    sentence="The daemon started and reads its ledger.",
):
    version: str
    boot_id: str


@dataclass(frozen=True, kw_only=True)
class StationStopped(
    StationFact, kind="station-stopped", sentence="The daemon stopped in good order."
):
    reason: str


@dataclass(frozen=True, kw_only=True)
class EpochBegun(
    StationFact,
    kind="epoch-begun",
    sentence="A new epoch began: every receipt is confirmed anew before anything is wiped.",
):
    epoch: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class SpoolAdopted(
    StationFact,
    kind="spool-adopted",
    sentence="This spool belongs to this ledger from now on.",
):
    spool_id: str


@dataclass(frozen=True, kw_only=True)
class Checkpointed(
    StationFact,
    kind="checkpointed",
    sentence="The head of the record was also written to the spool or to a store.",
):
    where: str
    sequence: int
    root: str


@dataclass(frozen=True, kw_only=True)
class StoreProbed(
    StationFact,
    kind="store-probed",
    sentence="A store was tried with a deliberately wrong checksum.",
):
    store: str
    strength: Strength
    detail: str


@dataclass(frozen=True, kw_only=True)
class ProblemOpened(StationFact, kind="problem-opened", sentence="A problem began."):
    slug: str
    subject: str
    severity: str
    reason: str
    owner: str
    next_step: str


@dataclass(frozen=True, kw_only=True)
class ProblemClosed(StationFact, kind="problem-closed", sentence="A problem ended."):
    slug: str
    subject: str
    lasted_s: int
    # Above 1 of one that came and went, of which the ends in between were not said.
    times: int = 1


@dataclass(frozen=True, kw_only=True)
class HoldsListed(
    StationFact,
    kind="holds-listed",
    sentence="A newer list of the holds that stations share is in force.",
):
    issued: str
    holds: int


@dataclass(frozen=True, kw_only=True)
class SetAside(
    StationFact,
    kind="set-aside",
    sentence="A camera or a docking was set aside; nothing of it is cleared.",
):
    subject: str
    hold: HoldKind
    why: str
    actor: str


@dataclass(frozen=True, kw_only=True)
class SetFree(
    StationFact,
    kind="set-free",
    sentence="A hold on a camera or a docking was released.",
):
    subject: str
    hold: HoldKind
    why: str
    actor: str


@dataclass(frozen=True, kw_only=True)
class SafetyCutReleased(
    StationFact,
    kind="safety-cut-released",
    sentence="A person lifted the safety cut of a slot; it has power again unless danger shows.",
):
    slot: str
    why: str
    actor: str


@dataclass(frozen=True, kw_only=True)
class UploadsPaused(
    StationFact,
    kind="uploads-paused",
    sentence="Uploads were paused: nothing new of any clip is sent.",
):
    why: str
    actor: str


@dataclass(frozen=True, kw_only=True)
class UploadsResumed(StationFact, kind="uploads-resumed", sentence="Uploads go on after a pause."):
    why: str
    actor: str


@dataclass(frozen=True, kw_only=True)
class CommandTaken(
    StationFact,
    kind="command-taken",
    sentence="A command that central signed was taken; it counts once.",
):
    """Taken ``at`` a vouched time, UTC; ``refused`` says why nothing came of it, "" where it did.

    ``key`` is the id of the key that it was signed with.
    """

    key: str
    nonce: str
    expires: str
    at: str
    command: str
    subject: str
    refused: str = ""
