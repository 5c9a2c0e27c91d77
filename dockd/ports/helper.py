"""What the daemon asks of dockd-helper, the one process with privileges (DESIGN.md section 4).

The client names a slot and nothing else. Every call blocks, for seconds at most, and raises
HelperUnreachable when no answer comes, HelperRefused when the answer is no, and CameraGone when
the slot's device left meanwhile.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

CutKind = Literal["budget", "hold", "safety"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedDevice:
    """Why the helper will not have what is in a slot."""

    slug: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HelperSlot:
    """One slot as the helper sees it; ``device`` is the kernel's name of what is in it, or None.

    ``powered`` is None where that cannot be told. ``guarded`` says that the kernel binds nothing
    by itself on any bus of the slot's controller.
    """

    slot: str
    port: str
    device: str | None
    serial: str
    powered: bool | None
    guarded: bool
    refused: RefusedDevice | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorised:
    """The device that the kernel's drivers may have now."""

    device: str
    serial: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mounted:
    """A camera's file system, mounted nowhere; whoever has ``root`` closes it.

    ``root`` is an O_PATH descriptor of its topmost folder. ``volume`` is the file system's own
    identifier, "" where it has none.
    """

    root: int
    serial: str
    file_system: str
    volume: str
    dirty: bool
    disk_sequence: int


class WritableMedium(Protocol):
    """A medium that can be written to until it is closed, or for ``deadline_s`` at most."""

    def close(self) -> bool:
        """Go back to read-only; return whether the file system is clean now."""


class Helper(Protocol):
    """dockd-helper."""

    def slots(self) -> Sequence[HelperSlot]:
        """Return every slot and what is in it."""

    def authorise(self, slot: str) -> Authorised:
        """Let the kernel's drivers have what is in the slot, if a rule accepts it."""

    def mount(self, slot: str) -> Mounted:
        """Mount what is in the slot, read-only.

        Raises:
            SlotSettling: its disk has not appeared yet, or somebody else is asking; ask again.
        """

    def make_writable(self, slot: str, *, mount: int, deadline_s: int) -> WritableMedium:
        """Make the mount that was handed out as ``mount`` writable."""

    def unmount(self, slot: str) -> None:
        """Let go of what is mounted from the slot."""

    def set_port_power(self, slot: str, *, on: bool, kind: CutKind, lease_s: int = 0) -> bool:
        """Cut a port's power, for ``lease_s`` seconds, or give it back; return whether it is on."""
