"""Every problem that dockd can report: the one table behind health, journal and docs.

A kind that an error can also raise takes its slug, owner and next step from that error's
class, so that the words cannot part. The reason is a template over named fields; whoever
reports the problem fills them, or gives a reason of their own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from dockd import errors
from dockd.errors import DockdError, Owner

Severity = Literal["warn", "fail"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemKind:
    """What is the same about every problem of one slug.

    Attributes:
        slug: The stable name, lower case with hyphens.
        severity: `warn`: late, or a person is needed; `fail`: footage at risk, or none taken.
        owner: Who acts next.
        sentence: What it means, constant, for the journal's message and its catalogue.
        reason: What is the matter this time: a template over `{fields}`.
        next_step: What the owner does, one sentence.
    """

    slug: str
    severity: Severity
    owner: Owner
    sentence: str
    reason: str
    next_step: str


def _raised(error: type[DockdError], severity: Severity, sentence: str, reason: str) -> ProblemKind:
    return ProblemKind(
        slug=error.slug,
        severity=severity,
        owner=error.owner,
        sentence=sentence,
        reason=reason,
        next_step=error.next_step,
    )


def _found(
    slug: str, severity: Severity, owner: Owner, *, sentence: str, reason: str, next_step: str
) -> ProblemKind:
    return ProblemKind(
        slug=slug,
        severity=severity,
        owner=owner,
        sentence=sentence,
        reason=reason,
        next_step=next_step,
    )


_STORES: Final = (
    _raised(
        errors.StoreUnreachable,
        "warn",
        "A store cannot be reached; footage waits in the spool.",
        "No answer from {endpoint}: {detail}.",
    ),
    _raised(
        errors.StoreBusy,
        "warn",
        "A store asks for patience; footage waits in the spool.",
        "The store answered {status}: {detail}.",
    ),
    _raised(
        errors.StoreRefusedCredentials,
        "fail",
        "A store refuses the station's credentials.",
        "The store answered {status}: {detail}.",
    ),
    _raised(
        errors.StoreBucketMissing,
        "fail",
        "The bucket that the station is configured for does not exist.",
        "There is no {bucket} at {endpoint}.",
    ),
    _raised(
        errors.StoreConflict,
        "warn",
        "Other content already stands in the store at a clip's key.",
        "The object at {key} is not this clip: {detail}.",
    ),
    _raised(
        errors.StoreChecksumMismatch,
        "warn",
        "A store holds something else than what was sent.",
        "The store reports {theirs} where the spool has {ours}.",
    ),
    _raised(
        errors.StoreUnproven,
        "warn",
        "A store cannot prove what it holds, so no camera is cleared for it.",
        "The store gives receipts of strength size only: {detail}.",
    ),
    _raised(
        errors.StoreLostObject,
        "fail",
        "A store no longer holds what it gave a receipt for.",
        "The object at {key} is gone: {detail}.",
    ),
    _raised(
        errors.StoreRejected,
        "warn",
        "A store will not take a clip as it is.",
        "The store answered {status}: {detail}.",
    ),
    _raised(
        errors.ReceiptPending,
        "warn",
        "A store holds a clip and has no receipt for it yet.",
        "The store does not tell what it holds at {key}.",
    ),
    _found(
        "store-not-configured",
        "warn",
        "operations",
        sentence="No central store is configured: the station copies, proves and holds.",
        reason="The configuration has no [[store]].",
        next_step="Add a [[store]] to the configuration and restart dockd.",
    ),
    _found(
        "upload-stalled",
        "warn",
        "network",
        sentence="An upload makes no progress although the store can be reached.",
        reason="{clips} uploads are under way, and no byte of any was taken for {minutes} min.",
        next_step="Check the link's loss and load; dockd goes on trying.",
    ),
    _found(
        "uploads-paused",
        "warn",
        "operations",
        sentence="Uploads are paused; footage waits in the spool.",
        reason="They were paused by {actor}: {why}",
        next_step="When they may go on: dockd resume-uploads --why ...",
    ),
    _found(
        "transfer-stuck",
        "warn",
        "operations",
        sentence="A clip is verified and does not reach the store, attempt after attempt.",
        reason="{attempts} attempts have failed since {first}; the last: {detail}.",
        next_step="Read `dockd explain` for the clip, settle what it names, then `dockd retry`.",
    ),
)

_CLIPS: Final = (
    _raised(
        errors.ClipChangedWhileRead,
        "warn",
        "A file changed while it was being read.",
        "{path} was {before} and became {after} during the copy.",
    ),
    _raised(
        errors.ClipUnreadable,
        "fail",
        "A file on a camera cannot be read, so there may be no copy of it.",
        "Reading {path} failed at byte {offset_bytes}: {detail}.",
    ),
    _raised(
        errors.NameUnsupported,
        "warn",
        "Something on a camera cannot be taken as footage because of its name or its kind.",
        "{path}: {detail}.",
    ),
    _raised(
        errors.DigestMismatch,
        "warn",
        "A copy read back from the disk is not the camera's file.",
        "{path} read back as {copy_sha256}, the camera's file is {camera_sha256}.",
    ),
    _found(
        "hold-without-clip",
        "warn",
        "evidence",
        sentence="A hold is known of which the restored ledger has no clip; the whole camera is "
        "set aside.",
        reason="There is a {hold} hold on {held} ({why}), which the ledger no longer knows.",
        next_step="Dock the camera, see that its clip is held, then release the camera.",
    ),
    _found(
        "holds-unreadable",
        "fail",
        "evidence",
        sentence="The list of holds beside the ledger is damaged; the ledger's own holds stand.",
        reason="holds.json is not what was written.",
        next_step="If the ledger was restored as well, set aside again what was held since; "
        "holds.json.damaged is what is left of the list, and open until it is taken away.",
    ),
    _found(
        "spool-orphans",
        "warn",
        "operations",
        sentence="The spool holds copies of clips that the ledger does not know.",
        reason="{count} copies belong to no clip in the ledger.",
        next_step="Look at incoming/orphans/ in the spool; they are kept until a person removes "
        "them.",
    ),
    _found(
        "clip-gone",
        "fail",
        "evidence",
        sentence="A file vanished from a camera without dockd having cleared it.",
        reason="{path} was on the camera in docking {docking} and is no longer.",
        next_step="Find out who had the camera since; the clip's record says which copies exist.",
    ),
    _found(
        "no-known-copy",
        "fail",
        "evidence",
        sentence="No proven copy of an original is known anywhere.",
        reason="{path}: camera {camera_copy}, spool {spool_copy}, stores {store_copies}.",
        next_step="Keep the camera and the spool from use, and have both searched.",
    ),
    _found(
        "books-open",
        "fail",
        "evidence",
        sentence="The station cannot account for all the originals that it has ever seen.",
        reason="{seen} originals were seen, and {accounted} are accounted for.",
        next_step="Run `dockd verify`, and keep the ledger's file for those who look into it.",
    ),
    _found(
        "clip-partial",
        "warn",
        "evidence",
        sentence="Only the beginning of a clip is here, and its camera has not come back.",
        reason="{have_bytes} of {size_bytes} bytes of {path} are here.",
        next_step="Find the camera and dock it; until then the partial copy is sent as such.",
    ),
)

_CAMERAS: Final = (
    _raised(
        errors.HelperUnreachable,
        "fail",
        "The privileged helper does not answer, so no USB camera can be read or cleared.",
        "dockd-helper does not answer: {detail}.",
    ),
    _raised(
        errors.HelperRefused,
        "warn",
        "The privileged helper refused what dockd asked of it.",
        "dockd-helper refused {verb} in slot {slot}: {detail}.",
    ),
    _raised(
        errors.SlotSettling,
        "warn",
        "A device in a slot shows no disk.",
        "The device in slot {slot} shows no disk: {detail}.",
    ),
    _found(
        "camera-duplicate-serial",
        "warn",
        "station",
        sentence="Two cameras show the same serial number; neither is believed.",
        reason="Serial {serial} is in slots {slots} at once.",
        next_step="Undock both and dock them one after the other; have one renumbered.",
    ),
    _found(
        "camera-without-serial",
        "warn",
        "station",
        sentence="A camera shows no serial number and is refused.",
        reason="The device in slot {slot} has no serial number.",
        next_step="Have the camera repaired or renumbered, and its footage taken off by hand.",
    ),
    _found(
        "camera-not-allowed",
        "warn",
        "operations",
        sentence="A device that no rule accepts was docked and is left alone.",
        reason="The device in slot {slot} matches no rule; to accept it add, {rule}",
        next_step="If it is one of yours, add the line that the reason names and restart dockd.",
    ),
    _raised(
        errors.ListingDamaged,
        "fail",
        "A camera's file system is damaged: it is copied as far as it can be read, never cleared.",
        "The listing of the camera in slot {slot} cannot be: {detail}.",
    ),
    _found(
        "camera-stuck",
        "warn",
        "station",
        sentence="A camera does not answer a read; the other slots go on without it.",
        reason="A read from the camera in slot {slot} does not come back: {detail}.",
        next_step="Undock the camera and dock it again; if it repeats, have its media checked.",
    ),
    _found(
        "camera-not-storage",
        "warn",
        "operations",
        sentence="A device that is more than a storage device was docked and is left alone.",
        reason="The device in slot {slot} is not a storage device and nothing else: {detail}.",
        next_step="Take it out and find out who put it there: a camera shows storage alone.",
    ),
    _found(
        "camera-media-refused",
        "warn",
        "station",
        sentence="A camera's medium cannot be taken for footage and is left alone.",
        reason="The camera in slot {slot} cannot be used: {detail}.",
        next_step="Keep the camera from use and have its footage taken off by hand.",
    ),
    _found(
        "port-not-a-slot",
        "warn",
        "operations",
        sentence="A device was plugged into a port that is no slot, and is left alone.",
        reason="The device at {port} is in no slot; to make the port one add, {rule}",
        next_step="Dock the camera in a slot, or add the line that the reason names and restart "
        "dockd.",
    ),
    _found(
        "camera-left-early",
        "warn",
        "station",
        sentence="A camera was taken away before all of its clips were copied.",
        reason="Clips on it of which there is no copy: {clips} ({size_bytes} bytes). It was in "
        "slot {slot} last.",
        next_step="Find the camera and dock it in any slot: dockd goes on where it stopped.",
    ),
    _found(
        "camera-dirty",
        "warn",
        "station",
        sentence="A camera's file system was not closed properly.",
        reason="The file system of the camera in slot {slot} is {detail}.",
        next_step="Nothing: dockd clears it only once every clip is stored; watch for repeats.",
    ),
    _found(
        "camera-clock-wrong",
        "warn",
        "station",
        sentence="A camera's clock is wrong, and so are the times of its footage.",
        reason="The clock of {camera} is {way} by {by} or more.",
        next_step="Set the camera's clock; what its footage was dated by is in the manifest.",
    ),
    _found(
        "wipe-failed",
        "warn",
        "station",
        sentence="A stored clip could not be cleared from its camera.",
        reason="Clearing {path} failed: {detail}.",
        next_step="Dock the camera again; if it repeats, have its media checked.",
    ),
    _found(
        "station-silent",
        "fail",
        "station",
        sentence="Cameras are docked, and nothing is copied of any.",
        reason="Of {docked} docked cameras {waiting} are not copied, and nothing was read of any "
        "for {minutes} min.",
        next_step="Look at what `dockd status` says of slots and spool, then `dockd doctor`.",
    ),
    _found(
        "slot-silent",
        "warn",
        "station",
        sentence="A charging hub feels a device in a slot, and none shows itself; no other driver "
        "can tell.",
        reason="The hub feels a device in slot {slot}, and for {minutes} min none has shown "
        "itself there.",
        next_step="Reseat the camera, clean the contacts, and try another camera in the slot.",
    ),
    _found(
        "slot-fault",
        "warn",
        "station",
        sentence="A slot cannot work with what is in it.",
        reason="Slot {slot}: {detail}.",
        next_step="Undock and dock again; if it repeats in other slots, it is the camera.",
    ),
    _raised(
        errors.PortNotSwitchable,
        "warn",
        "A slot's power cannot be switched.",
        "The port of slot {slot} did not follow: {detail}.",
    ),
    _raised(
        errors.CutForSafety,
        "warn",
        "A slot was cut for safety before dockd started, and is not powered yet.",
        "Slot {slot} was cut for safety: {detail}.",
    ),
    _raised(
        errors.ChargerUnreachable,
        "warn",
        "What powers the slots does not answer; its ports stay as they are.",
        "The charger does not answer: {detail}.",
    ),
    _found(
        "charge-temperature",
        "warn",
        "station",
        sentence="A slot is too cold or too hot to charge in: its port is cut.",
        reason="Slot {slot}: {detail}.",
        next_step=(
            "Bring the rack between 0 and 45 C; charging goes on by itself, and no order lifts it."
        ),
    ),
    _found(
        "cut-while-busy",
        "warn",
        "station",
        sentence="A slot was cut for safety while its camera was still being read or wiped.",
        reason="Slot {slot}: {detail}.",
        next_step=(
            "Look at the camera first. What was under way is done again at its next docking; "
            "`camera-dirty` says so if its file system suffered."
        ),
    ),
    _found(
        "charge-over-current",
        "fail",
        "station",
        sentence="A slot draws more than a camera may: its port is cut.",
        reason="Slot {slot}: {detail}.",
        next_step=(
            "Take the camera out, have it and the contacts checked. Once it is seen in another "
            "slot this one has power again; else by `dockd release --slot SLOT --why ...`."
        ),
    ),
    _found(
        "charge-no-progress",
        "fail",
        "station",
        sentence="A camera takes power and does not get fuller: its port is cut.",
        reason="Slot {slot}: {detail}.",
        next_step=(
            "Take the camera out of service: where the power goes is heat. Once it is seen in "
            "another slot this one has power again; else by `dockd release --slot SLOT --why ...`."
        ),
    ),
    _found(
        "camera-worn",
        "warn",
        "station",
        sentence="A camera wears: over its last dockings it stands out from the others.",
        reason="{detail}.",
        next_step="Have the camera's battery, card and contacts checked, or replace it.",
    ),
    _found(
        "slot-worn",
        "warn",
        "station",
        sentence="A slot wears: over its last dockings it stands out from the others.",
        reason="{detail}.",
        next_step="Clean the slot's contacts; if that does not help, replace its cable or port.",
    ),
    _found(
        "charge-reading-refused",
        "warn",
        "station",
        sentence="A hub or a camera reports numbers that cannot be; they are not used.",
        reason="Slot {slot}: {detail}.",
        next_step="Restart the hub; if it repeats, have the hub or the camera checked.",
    ),
    _found(
        "power-budget",
        "fail",
        "operations",
        sentence="The power budget cannot be kept, or is too small for a single camera.",
        reason="{detail}.",
        next_step="Correct budget_w and camera_w in [power], or use a driver that can switch.",
    ),
    _found(
        "hub-error",
        "warn",
        "station",
        sentence="A charging hub is in error and refuses to switch its ports.",
        reason="The hub is in error: {detail}.",
        next_step="Check the hub's power supply and heat; it is rebooted when no camera is read.",
    ),
    _found(
        "hub-rebooted",
        "warn",
        "station",
        sentence="A charging hub rebooted and had lost its ports' modes.",
        reason="The hub rebooted: {detail}.",
        next_step="Nothing unless it repeats: then check the hub's power supply.",
    ),
    _found(
        "hub-nonsense",
        "warn",
        "station",
        sentence="A charging hub reports what cannot be; that reading counts as unknown.",
        reason="The hub reports what cannot be: {detail}.",
        next_step="Check the cable between the station and the hub; if it lasts, replace the hub.",
    ),
)

_STATION: Final = (
    _raised(
        errors.SpoolFull,
        "fail",
        "The spool is full: no new clip is accepted, what is there goes on.",
        "{free_bytes} bytes are free and {reserve_bytes} are kept in reserve.",
    ),
    _raised(
        errors.SpoolReadOnly,
        "fail",
        "The spool takes no more writes.",
        "Writing to {path} failed: {detail}.",
    ),
    _raised(
        errors.SpoolChanged,
        "fail",
        "The spool is not the one that the ledger knows; nothing is accepted or wiped.",
        "The spool is {found} and the ledger belongs to {expected}.",
    ),
    _raised(
        errors.FsyncFailed,
        "fail",
        "The disk did not confirm a write; that copy was discarded.",
        "Flushing {path} failed: {detail}.",
    ),
    _raised(
        errors.LedgerRestored,
        "warn",
        "The ledger or a store was restored; every receipt is confirmed again before any wipe.",
        "The ledger ends at {sequence} and its checkpoint stands at {checkpoint}.",
    ),
    _raised(
        errors.HoldsUnreachable,
        "warn",
        "The list of holds that stations share cannot be fetched.",
        "No list from {host}: {detail}.",
    ),
    _raised(
        errors.HoldsRefused,
        "warn",
        "What came as the list of holds that stations share is not believed.",
        "The list is refused: {detail}.",
    ),
    _raised(
        errors.MqttUnreachable,
        "warn",
        "The MQTT broker cannot be reached; nobody is told of this station over MQTT.",
        "No answer from {host}: {detail}.",
    ),
    _raised(
        errors.MqttRefused,
        "warn",
        "The MQTT broker refuses this station; nobody is told of it over MQTT.",
        "The broker refuses: {detail}.",
    ),
    _raised(
        errors.CommandRefused,
        "warn",
        "A command that came over MQTT was not taken, or could not be carried out.",
        "It was not taken: {detail}.",
    ),
    _found(
        "holds-outdated",
        "warn",
        "operations",
        sentence="The list of holds that stations share is too old: nothing is cleared.",
        reason="The list is of {issued}: nothing is cleared.",
        next_step="Have a new list signed and served at [holds] url; dockd takes it by itself.",
    ),
    _raised(
        errors.ConfigInvalid,
        "warn",
        "The configuration cannot be used; the one in force stays.",
        "{detail}",
    ),
    _raised(
        errors.IllegalFact,
        "fail",
        "A rule of dockd's own was contradicted; nothing was recorded or done.",
        "{detail}",
    ),
    _raised(
        DockdError,
        "fail",
        "Something happened that dockd has no name for.",
        "{detail}",
    ),
    _found(
        "spool-unproven",
        "warn",
        "operations",
        sentence="Copies cannot be read back from the spool's disk itself, past the cache.",
        reason="Copies are read back with the cache dropped, and proven less strictly: {detail}.",
        next_step="Put the spool on ext4 or xfs on a local disk.",
    ),
    _found(
        "ledger-broken",
        "fail",
        "evidence",
        sentence="The record does not verify: an event was changed, removed or moved.",
        reason="The record cannot be believed from event {sequence} on: {detail}.",
        next_step="Keep the station from use and compare its ledger with its checkpoints.",
    ),
    _found(
        "ledger-damaged",
        "fail",
        "operations",
        sentence="The ledger's file is not what was written to it.",
        reason="The ledger is damaged: {detail}.",
        next_step="Check the disk, then run `dockd rebuild`; the footage is untouched.",
    ),
    _found(
        "ledger-too-new",
        "fail",
        "operations",
        sentence="The ledger was written by a newer dockd.",
        reason="The ledger has schema {present} and this dockd knows {newest} at most.",
        next_step="Install the dockd that wrote it, or a newer one.",
    ),
    _found(
        "ledger-behind",
        "warn",
        "operations",
        sentence="The ledger commits more slowly than things happen.",
        reason="{waiting} facts wait and the oldest for {waiting_s} s.",
        next_step="Check the disk of the spool for errors and for other load.",
    ),
    _found(
        "detection-failed",
        "fail",
        "operations",
        sentence="Arriving cameras cannot be seen.",
        reason="{detail}",
        next_step="Check the rack's folder or hub, then `dockd doctor`.",
    ),
    _found(
        "token-guessed",
        "warn",
        "network",
        sentence="Somebody shows the station wrong tokens, again and again.",
        reason="{count} wrong tokens so far, the last from {peer}.",
        next_step="Find out who asks from there: a reader with an old token, or somebody who "
        "guesses.",
    ),
    _found(
        "clock-unsynchronised",
        "warn",
        "network",
        sentence="The station's clock is not synchronised; its times are marked so.",
        reason="Nobody has set the clock right for {minutes} min.",
        next_step="Make a time server reachable for the station.",
    ),
    _found(
        "clock-wrong",
        "warn",
        "network",
        sentence="The station's clock is not its store's; requests are signed by the store's.",
        reason="The clock is {offset_s} s off.",
        next_step="Make a time server reachable for the station; if its time is right, check the "
        "store's.",
    ),
)

CATALOGUE: Final[Mapping[str, ProblemKind]] = {
    kind.slug: kind for kind in (*_STORES, *_CLIPS, *_CAMERAS, *_STATION)
}
