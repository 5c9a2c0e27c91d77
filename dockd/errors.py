"""The whole tree of dockd's errors: each says what happened, whose it is and what to do next.

An error is one of two kinds, and the kind decides what a stage does with the clip:

- `TransientError`: the same attempt may well succeed later (the network, a busy store, a
  camera that left) or the condition is the station's and not the clip's (a full spool). The
  clip keeps its place and is tried again.
- `PermanentError`: trying again cannot help until a person acts. The clip is held, with the
  error's reason, owner and next step.

A class carries the slug, owner and next step of its condition; whoever raises it gives the
reason. The slug is the one in `dockd.core.health.CATALOGUE`, so that the journal, the health
report, MQTT, the metrics and an HTTP answer all use the same word.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Owner = Literal["station", "network", "store", "evidence", "operations"]
"""Who acts next: whoever stands at the rack (station), runs the link (network), runs the
central store (store), answers for footage (evidence) or runs dockd across sites (operations)."""

FieldValue = str | int | float | bool | None


class DockdError(Exception):
    """Anything that dockd itself reports as wrong.

    Attributes:
        slug: The stable name of the condition, lower case with hyphens.
        reason: What happened, one sentence for a person.
        owner: Who acts next.
        next_step: What the owner does, one sentence.
        fields: The particulars (paths, sizes, statuses) for the journal.
    """

    slug: str = "internal-error"
    owner: Owner = "operations"
    next_step: str = (
        "Report this, with the journal of the minutes around it, to dockd's maintainers."
    )

    def __init__(
        self,
        reason: str,
        *,
        slug: str | None = None,
        owner: Owner | None = None,
        next_step: str | None = None,
        **fields: FieldValue,
    ) -> None:
        """Say `reason`; slug, owner and next step are the class's own unless given."""
        super().__init__(reason)
        self.reason = reason
        self.fields = fields
        if slug is not None:
            self.slug = slug
        if owner is not None:
            self.owner = owner
        if next_step is not None:
            self.next_step = next_step

    def __str__(self) -> str:
        """Return one line: the slug, then the reason."""
        return f"{self.slug}: {self.reason}"

    def as_problem_details(self) -> dict[str, str]:
        """Return the members of an `application/problem+json` answer (DESIGN section 9)."""
        return {
            "slug": self.slug,
            "reason": self.reason,
            "owner": self.owner,
            "next": self.next_step,
        }


class TransientError(DockdError):
    """Try again later: after `retry_after_s` when that is known, else as the backoff says."""

    def __init__(
        self,
        reason: str,
        *,
        retry_after_s: float | None = None,
        slug: str | None = None,
        owner: Owner | None = None,
        next_step: str | None = None,
        **fields: FieldValue,
    ) -> None:
        """Say `reason`, and how long the other side asked us to wait (seconds), if it did."""
        super().__init__(reason, slug=slug, owner=owner, next_step=next_step, **fields)
        self.retry_after_s = retry_after_s


class PermanentError(DockdError):
    """A person has to act before another attempt makes sense."""


# --- stores ---------------------------------------------------------------------------------


class StoreUnreachable(TransientError):
    """No usable answer came from the store: name, route, connection, TLS or timeout."""

    slug = "store-unreachable"
    owner: Owner = "network"
    next_step = (
        "Check the link, the name service and the TLS certificate between the station and the "
        "store."
    )

    @property
    def after_silence(self) -> bool:
        """Whether it was waited for until nothing had moved for long (the field ``silent``)."""
        return bool(self.fields.get("silent"))


class StoreBusy(TransientError):
    """The store asked for patience or failed on its side (408, 423, 425, 429, 5xx)."""

    slug = "store-busy"
    owner: Owner = "store"
    next_step = (
        "Nothing unless it lasts: dockd waits as the store asks; then check the store's load."
    )


class StoreRefusedCredentials(PermanentError):
    """The store knows the station and says no (401, 403)."""

    slug = "store-refused-credentials"
    owner: Owner = "operations"
    next_step = (
        "Put working credentials in the configured file and check the station's permissions in "
        "the store."
    )


class StoreBucketMissing(PermanentError):
    """The configured bucket or folder is not there."""

    slug = "store-bucket-missing"
    owner: Owner = "store"
    next_step = "Create the bucket, or correct its name in the configuration and reload."


class StoreConflict(PermanentError):
    """Other content already stands at the clip's key."""

    slug = "store-conflict"
    owner: Owner = "evidence"
    next_step = (
        "Compare the store's object with the spool copy, settle which is right, then release the "
        "clip."
    )


class StoreChecksumMismatch(PermanentError):
    """What the store says it holds differs from what the spool holds.

    Whoever uploads first re-reads the spool copy and sends once more; only a difference
    that stays holds the clip.
    """

    slug = "store-checksum-mismatch"
    owner: Owner = "store"
    next_step = "Check the store and anything between that rewrites bodies, then retry the clip."


class StoreLostObject(TransientError):
    """A receipted object is no longer in the store; it is sent again from the spool copy."""

    slug = "store-lost-object"
    owner: Owner = "store"
    next_step = (
        "Find out who or what deleted the object; dockd sends it again where it still has a copy."
    )


class StoreUnproven(PermanentError):
    """The store cannot prove content: it ignores checksums and cannot be read back."""

    slug = "store-unproven"
    owner: Owner = "store"
    next_step = (
        "Let the station read its objects back, or use a store that verifies part checksums; "
        "cameras stay full until then."
    )


class UploadVanished(TransientError):
    """The store forgot an upload begun there: look for the object first, then begin again."""

    slug = "upload-vanished"
    owner: Owner = "store"
    next_step = (
        "Nothing unless it repeats: dockd begins again; then check the store's clean-up of "
        "unfinished uploads."
    )


class ReceiptPending(TransientError):
    """A store has what was sent and does not yet tell its content; it is asked again."""

    slug = "store-receipt-pending"
    owner: Owner = "store"
    next_step = (
        "Nothing unless it lasts: dockd asks again; then find out why the store's receipt_url does "
        "not know what it holds."
    )


class StoreRejected(PermanentError):
    """The store will never take this clip as it is, for instance because it is too large."""

    slug = "store-rejected-clip"
    owner: Owner = "store"
    next_step = "Raise the store's limit, or fetch the clip from the spool by hand, then retry it."


# --- cameras and clips ----------------------------------------------------------------------


class CameraGone(TransientError):
    """The device disappeared; whatever was read or listed since cannot be believed."""

    slug = "camera-gone"
    owner: Owner = "station"
    next_step = "Dock the camera again, in any slot: dockd goes on where it stopped."


class HelperUnreachable(TransientError):
    """No answer from dockd-helper: no USB camera can be mounted, cleared or switched."""

    slug = "helper-unreachable"
    owner: Owner = "operations"
    next_step = "Check `systemctl status dockd-helper.socket dockd-helper`; dockd goes on asking."


class HelperRefused(PermanentError):
    """dockd-helper said no; its own slug is taken where people know it."""

    slug = "helper-refused"
    owner: Owner = "operations"
    next_step = (
        "Read the reason; the helper goes by the configuration of root's alone, and dockd by the "
        "one that it was started with."
    )


class CutForSafety(PermanentError):
    """A port was cut for safety, and what was ordered is no reason to give it its power back."""

    slug = "cut-for-safety"
    owner: Owner = "station"
    next_step = (
        "Take the camera out and look at it and at the contacts. Where nothing is wrong any more: "
        "`dockd release --slot SLOT --why ...`; else the slot has power again an hour after "
        "dockd's start."
    )


class SlotSettling(TransientError):
    """A device's disk has not appeared yet, or its slot is being worked on; ask again soon."""

    slug = "slot-settling"
    owner: Owner = "station"
    next_step = "Nothing unless it lasts: then undock and dock again, and try another camera."


class ClipUnreadable(PermanentError):
    """The camera is there and its media refuses to give up the file."""

    slug = "clip-unreadable"
    owner: Owner = "evidence"
    next_step = (
        "Keep the camera from use and have its media read by a specialist; retry the clip after "
        "that."
    )


class ListingDamaged(PermanentError):
    """The camera's file system lists what cannot be: nothing on it may be deleted."""

    slug = "camera-listing-damaged"
    owner: Owner = "evidence"
    next_step = (
        "Keep the camera from use and have its media imaged and read by a specialist: it may hold "
        "footage that no listing shows."
    )


class ClipChangedWhileRead(TransientError):
    """The file grew, shrank or changed between the first look and the last."""

    slug = "clip-changed-while-read"
    owner: Owner = "station"
    next_step = (
        "Nothing unless it lasts: dockd reads it again; then make sure that the camera is not "
        "recording."
    )


class NameUnsupported(PermanentError):
    """The file's name or its folder's cannot be carried, or would lead outside the camera."""

    slug = "name-unsupported"
    owner: Owner = "evidence"
    next_step = "Copy it off the camera by hand and keep it; dockd leaves it where it is."


# --- spool and ledger -----------------------------------------------------------------------


class SpoolFull(TransientError):
    """Free space is at the reserve: no new clip is accepted, what is stored goes on."""

    slug = "spool-full"
    owner: Owner = "operations"
    next_step = (
        "Restore uploading so that stored clips free the spool, or give the spool more space."
    )


class SpoolReadOnly(TransientError):
    """The spool's file system takes no more writes; reading and uploading may go on."""

    slug = "spool-read-only"
    owner: Owner = "operations"
    next_step = (
        "Look at the kernel's log for the disk's errors, repair or replace the disk, then restart "
        "dockd."
    )


class SpoolChanged(TransientError):
    """The spool is not the one the ledger knows: a disk swapped, not mounted or restored."""

    slug = "spool-changed"
    owner: Owner = "operations"
    next_step = (
        "Mount the spool that belongs to this station; nothing is accepted or wiped until then."
    )


class DigestMismatch(TransientError):
    """The copy as read back from the device is not the camera's file: it is made again."""

    slug = "digest-mismatch"
    owner: Owner = "station"
    next_step = (
        "Nothing unless it repeats: dockd copies again; then test the station's disk, memory and "
        "cable."
    )


class FsyncFailed(TransientError):
    """The disk would not confirm a write: the copy is made again, never fsynced again."""

    slug = "fsync-failed"
    owner: Owner = "operations"
    next_step = (
        "Look at the kernel's log for the disk's errors and replace the disk if they repeat."
    )


class LedgerRestored(PermanentError):
    """The ledger and a checkpoint of it are not of one time: it, or the store, was restored."""

    slug = "ledger-restored"
    owner: Owner = "operations"
    next_step = (
        "Say who restored the ledger, or restored, emptied or replaced the store, and why; dockd "
        "begins a new epoch and confirms every receipt again before any wipe."
    )


class HoldsUnreachable(TransientError):
    """The list of holds that stations share did not come."""

    slug = "holds-unreachable"
    owner: Owner = "network"
    next_step = "Check the link to the server that [holds] url names, and what it answers there."


class HoldsRefused(TransientError):
    """What came as the list of holds is not one that central signed, or not the newest."""

    slug = "holds-refused"
    owner: Owner = "operations"
    next_step = (
        "Look at what [holds] url serves, and at its signature; the list held here counts on."
    )


class MqttUnreachable(TransientError):
    """No usable answer came from the MQTT broker: name, route, connection, TLS or timeout."""

    slug = "mqtt-unreachable"
    owner: Owner = "network"
    next_step = "Check the link, the name and the TLS certificate of the broker in [mqtt]."


class MqttRefused(TransientError):
    """The MQTT broker refuses the station, or what the station would show it cannot be used."""

    slug = "mqtt-refused"
    owner: Owner = "operations"
    next_step = "Check the name, password and certificate in [mqtt] against the broker's own."


class CommandRefused(TransientError):
    """A command that came over MQTT is not taken, or cannot be carried out."""

    slug = "mqtt-command-refused"
    owner: Owner = "operations"
    next_step = (
        "Hold what was sent against docs/central-operations.md, and see who but central may "
        "publish to the station's commands at the broker."
    )


class IllegalFact(PermanentError):
    """A fact was reported that the present state does not permit: dockd's own mistake."""

    slug = "illegal-fact"


class ChargerUnreachable(TransientError):
    """The hub, or the helper that switches its ports, does not answer."""

    slug = "charger-unreachable"
    owner: Owner = "station"
    next_step = "Look at the hub's cable and power, and at `dockd doctor`."


class PortNotSwitchable(PermanentError):
    """A port stayed as it was although it was told to change, or there is no switch for it."""

    slug = "port-not-switchable"
    owner: Owner = "station"
    next_step = "Charge without switching this port, or replace the hub; `dockd doctor` tries each."


# --- configuration, commands and answers ----------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class ConfigProblem:
    """One thing wrong in the configuration: where, what, and what would be right."""

    key_path: str
    reason: str
    would_be_right: str

    def __str__(self) -> str:
        """Return one line for a terminal."""
        return f"{self.key_path}: {self.reason}; {self.would_be_right}"


class ConfigInvalid(PermanentError):
    """The configuration has problems, all of them reported at once.

    Attributes:
        problems: Every problem that was found, in the order of the file.
    """

    slug = "config-invalid"
    owner: Owner = "operations"
    next_step = "Correct the keys named and run `dockd check-config`."

    def __init__(self, problems: Sequence[ConfigProblem]) -> None:
        """Report all of `problems`.

        Raises:
            ValueError: There are none, so nothing is invalid.
        """
        if not problems:
            message = "ConfigInvalid needs at least one problem"
            raise ValueError(message)
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


class NotFound(PermanentError):
    """The clip, docking, camera or store that a person named does not exist here."""

    slug = "not-found"
    owner: Owner = "operations"
    next_step = "Check the name; `dockd clips` lists what the station knows."


class Refused(PermanentError):
    """A person asked for something that dockd does not do in the present state."""

    slug = "refused"
    owner: Owner = "operations"
    next_step = "Read the reason; `dockd explain` shows what would have to change first."


class RequestInvalid(PermanentError):
    """A question or an order that cannot be understood as it stands."""

    slug = "request-invalid"
    owner: Owner = "operations"
    next_step = "Correct what the reason names; /openapi.json lists what is understood."


class ExportFailed(PermanentError):
    """The disk that an export goes to failed, or was pulled out."""

    slug = "export-failed"
    owner: Owner = "station"
    next_step = (
        "Look at its cable and at the kernel's log; put it back and run the same command again: it "
        "goes on where it stopped."
    )


class ExportDiskFull(ExportFailed):
    """The disk that an export goes to has no room left."""

    slug = "export-disk-full"
    next_step = (
        "Make room or take a larger disk, then run the same command again: it goes on where it "
        "stopped."
    )


class ExportFileTooLarge(ExportFailed):
    """The file system that an export goes to does not hold a file of this size."""

    slug = "export-file-too-large"
    next_step = "Take a disk with exFAT or ext4: FAT holds no file of 4 GiB or more."


class ExportDiskReadOnly(ExportFailed):
    """The disk that an export goes to may not be written to."""

    slug = "export-disk-read-only"
    next_step = (
        "Look for a lock switch, mount options and permissions, then run the same command again: "
        "it goes on where it stopped."
    )


class ExportNameUnsupported(ExportFailed):
    """The file system that an export goes to does not carry a name."""

    slug = "export-name-unsupported"
    next_step = "Take a disk with exFAT or ext4 (FAT: mounted with utf8); a folder nearer its root."


class ExportInTheWay(ExportFailed):
    """Something else stands where an export would write; a link is never followed."""

    slug = "export-in-the-way"
    next_step = "Look at what it is, and move it away or name another folder."


class DaemonUnreachable(TransientError):
    """The command could not reach the running daemon over its socket."""

    slug = "daemon-unreachable"
    owner: Owner = "operations"
    next_step = "Check `systemctl status dockd`, and that you are in the group dockd-admin."
