"""The hostile media of the rack's tests: what is on each, and what a station has to make of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from tests.rack import odd_names
from tests.rack.camera import Camera, Family, make_camera
from tests.rack.footage import FIRST_RECORDED, SETTINGS, Item, clips
from tests.rack.hostile import (
    cut_off_behind,
    foreign_camera,
    with_corrupted_fat,
    with_crossed_chains,
    with_looping_folder,
)

FOOTAGE_BYTES = 1 << 20
SECOND, THIRD = (f"DCIM/100MEDIA/CLIP{number:04}.MP4" for number in (2, 3))
NOTHING, LAST = "DCIM/100MEDIA/LOOP/NOTHING", "DCIM/100MEDIA/ZLAST.MP4"
FIRST_TWIN, TWIN, DOTS, LONE = (
    f"DCIM/ODD/{name}" for name in (*odd_names.TWINS, odd_names.DOTS, odd_names.LONE)
)
LONG_AGO = datetime(1980, 1, 1, tzinfo=UTC)
FAR_AHEAD = datetime(2099, 12, 31, 23, 59, 58, tzinfo=UTC)


@dataclass(frozen=True)
class Trouble:
    """What the station has to say: the problem's slug, and words that stand in its reason.

    `about` is the problem's subject, where that is not the slot.
    """

    slug: str
    words: str
    about: str = ""


@dataclass(frozen=True)
class Case:
    """A camera, what of it must not arrive, and how its docking ends."""

    camera: Camera
    lost: Sequence[str] = ()
    trouble: Trouble | None = None
    cleared: bool = False

    @property
    def kept(self) -> dict[str, str]:
        """The files that have to arrive: path to SHA-256."""
        files = self.camera.clips | self.camera.others
        return {path: digest for path, digest in files.items() if path not in self.lost}


UNREADABLE = Trouble("clip-unreadable", "Input/output error")


def filmed(
    folder: Path,
    number: int,
    *more: Item,
    family: Family = "vfat",
    recorded_at: datetime = FIRST_RECORDED,
) -> Camera:
    """Make a camera with a little footage, its settings, and whatever else is to be on it."""
    items = (*clips(seed=number, total_bytes=FOOTAGE_BYTES), *SETTINGS, *more)
    dated = [replace(item, recorded_at=recorded_at) for item in items]
    return make_camera(folder, serial=f"BWC-{number:06}", family=family, items=dated)


def named(*names: str) -> list[Item]:
    """Make a small file of each name."""
    return [Item(f"DCIM/ODD/{name}", ascii(name).encode()) for name in names]


def broken_media(folder: Path) -> dict[str, Case]:
    """Make each kind of broken medium, and an ordinary one: the others are to spoil nothing."""
    dirty = filmed(folder, 7)
    dirty.mark_dirty()
    cut_off = cut_off_behind(filmed(folder, 6), THIRD)
    looping = filmed(folder, 3, Item(NOTHING, b""), Item(LAST, b"behind the loop"))
    return {
        "corrupted FAT": Case(with_corrupted_fat(filmed(folder, 1), SECOND), [SECOND], UNREADABLE),
        "crossed chains": Case(
            with_crossed_chains(filmed(folder, 2), THIRD, into=SECOND), cleared=True
        ),
        "loop": Case(
            with_looping_folder(looping, str(Path(NOTHING).parent), to="DCIM"),
            [NOTHING],
            Trouble("clip-unreadable", "LOOP/100MEDIA' cannot be read"),
        ),
        "ext4": _foreign(folder, 4, "ext4", make=["mkfs.ext4", "-q", "-F"]),
        "NTFS": _foreign(folder, 5, "ntfs", make=["mkntfs", "--quick", "--force"]),
        "cut off": Case(
            cut_off,
            [item.path for item in cut_off.items],
            Trouble("camera-media-refused", "bytes larger than the medium"),
        ),
        "dirty": Case(
            dirty,
            trouble=Trouble("camera-dirty", "was not closed properly", f"camera {dirty.serial}"),
            cleared=True,
        ),
        "ordinary": Case(filmed(folder, 14), cleared=True),
    }


def odd_media(folder: Path, broken: Mapping[str, Case]) -> dict[str, Case]:
    """Make media that are odd and mostly sound, and one that is docked again."""
    crossed = broken["crossed chains"].camera
    return {
        "odd on vfat, 1980": Case(
            filmed(folder, 11, *named(*odd_names.VFAT), recorded_at=LONG_AGO), cleared=True
        ),
        "odd on exFAT, 2099": Case(
            filmed(folder, 12, *named(*odd_names.EXFAT), family="exfat", recorded_at=FAR_AHEAD),
            cleared=True,
        ),
        "names on exFAT": Case(
            filmed(folder, 13, *named(*odd_names.TWINS, odd_names.LONE), family="exfat"),
            [TWIN, LONE],
            Trouble("clip-unreadable", "lone.mp4' is listed and cannot be found"),
        ),
        "crossed chains, again": Case(
            replace(crossed, items=tuple(SETTINGS)),
            trouble=Trouble("camera-dirty", "not closed properly", f"camera {crossed.serial}"),
        ),
        "names on vfat": Case(
            filmed(folder, 8, *named(*odd_names.TWINS, odd_names.DOTS)),
            [TWIN, DOTS],
            Trouble(
                "camera-listing-damaged", f"also '{FIRST_TWIN}'", f"camera BWC-000008 file {TWIN}"
            ),
        ),
    }


def _foreign(folder: Path, number: int, kind: str, *, make: Sequence[str]) -> Case:
    camera = foreign_camera(folder, serial=f"BWC-{number:06}", make=make)
    said = Trouble("camera-media-refused", f"it holds {kind}, not vfat or exfat")
    return Case(camera, [item.path for item in camera.items], said)
