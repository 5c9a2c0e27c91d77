"""What the virtual rack has to show: every noun of the issue's list, and the tests that show it.

The nouns are the list's own words; `LIST` is the whole of it, so that the table can be held against
it. A noun in `OWED` has no test yet: every noun is in exactly one of the two, and `OWED` only ever
gets shorter. A test is named by its node id without its parameters, or with them where only some of
them show it.
"""

from collections.abc import Mapping
from typing import Final

LIST: Final = (
    "one vfat camera, one exfat camera, then eight at once on the hub: every clip in the store "
    "with the right SHA-256 (read back by an independent client on the host), every camera "
    "cleared of footage, its other files kept, its file system clean;\n"
    "yank in the middle of copy, of read-back, of a wipe; dock again in the same and in another "
    "slot; two yanks in a row; yank with no undock event seen (ENOBUFS); a clip replaced by "
    "another of the same name, size and mtime while the camera was away;\n"
    "SIGKILL of the service at random moments; `systemctl restart`, `reload` and `stop` in "
    "mid-copy; the watchdog kills a daemon whose loop is blocked and it comes back; the helper "
    "killed while a camera is writable;\n"
    "**power cuts**: the guest killed while bytes are in flight, at least five times each in "
    "copy, read-back, upload and wipe (print the stage of each; a cut with nothing in flight does "
    "not count); and, with the spool on its own block-logged disk, the log replayed to at least "
    "50 points, including states in which unflushed writes are lost: each is mounted on the host "
    "(loop, private mount namespace) and opened by dockd there, a sample of five boots in the "
    "guest too; after each, the promises of DESIGN.md section 1 are checked;\n"
    "the store down for the whole docking and back later; the network cut in mid-part; the spool "
    "full; the spool's disk returning I/O errors (dm-flakey or scsi_debug in the guest); the "
    "spool not mounted;\n"
    "hostile media: corrupted FAT, a cross-linked cluster chain, a loop in the directory tree, an "
    "ext4 or NTFS camera, names with every odd byte that vfat and exfat allow, a volume that "
    "claims to be larger than its device, a camera whose clock says 1980 or 2099, a FAT with its "
    "dirty bit set (recorded, never repaired), 4 GiB minus 1 byte on vfat and more than 4 GiB on "
    "exfat (sparse images);\n"
    "wrong devices: a keyboard, a network adapter, a storage device that is not allowed, no "
    "serial number, the same serial twice, a device on a port that is no slot, and a composite "
    "device: never bound by the kernel, refused with the words an admin needs;\n"
    "the journal: every event carries its fields, `journalctl -x` explains each MESSAGE_ID, "
    "`journalctl DOCKD_CAMERA=...` tells one camera's whole story in order."
)
BETWEEN: Final = frozenset(
    {"and", "of", "or", "in", "a", "then", "again", "after", "each", "the", "with"}
    | {"power", "cuts", "hostile", "media", "wrong", "devices", "journal"}
)
"""Words that join two nouns or head a list, and belong to no noun."""

_JOURNEYS: Final = "tests/rack/test_journeys.py"
_SERVICE: Final = "tests/rack/test_service.py"
_WRONG: Final = "tests/rack/test_wrong_devices.py"
_JOURNAL: Final = "tests/rack/test_journal.py"
_SHORTAGE: Final = "tests/rack/test_shortage.py"
_HOSTILE: Final = "tests/rack/test_hostile_media.py"
_LARGE: Final = (
    "tests/rack/test_large_files.py::test_files_at_the_limits_of_fat",
    "tests/badinput/test_large_files.py::test_a_file_beyond_four_gib_arrives_whole",
)
_IN_FLIGHT: Final = "tests/rack/test_power_in_flight.py"
_REPLAYED: Final = "tests/rack/test_power_replayed.py"
_CUT: Final = f"{_IN_FLIGHT}::test_the_power_goes_while_bytes_are_in_flight"
_ANYWHERE: Final = f"{_REPLAYED}::test_wherever_the_log_ends_the_next_start_goes_on"
_BOOTED: Final = f"{_REPLAYED}::test_the_guest_boots_from_what_is_left"
_EMPTIED: Final = f"{_JOURNEYS}::test_a_camera_is_emptied_into_the_store"
_EIGHT: Final = f"{_JOURNEYS}::test_eight_cameras_at_once"
_MID_COPY: Final = f"{_JOURNEYS}::test_a_camera_is_yanked_in_mid_copy"
_READ_BACK: Final = f"{_JOURNEYS}::test_a_camera_is_yanked_while_its_copy_is_read_back"
_IN_A_WIPE: Final = f"{_JOURNEYS}::test_a_camera_is_yanked_in_a_wipe"
_ENDS: Final = f"{_SERVICE}::test_the_service_ends_in_mid_copy"
_REFUSED: Final = f"{_WRONG}::test_a_wrong_device_is_refused_in_an_admins_words"
_ARRIVES: Final = f"{_HOSTILE}::test_what_can_be_read_arrives_and_nothing_else"
_SAID: Final = f"{_HOSTILE}::test_what_is_wrong_is_said_in_an_admins_words"
_UNWRITTEN: Final = f"{_HOSTILE}::test_nothing_is_written_to_a_medium_that_is_not_cleared"
_CLEARED: Final = f"{_HOSTILE}::test_a_medium_that_is_cleared_keeps_its_other_files"
_CLOCK: Final = f"{_HOSTILE}::test_a_cameras_wrong_clock_is_kept_as_it_is"
_UNBOUND: Final = f"{_WRONG}::test_a_wrong_device_is_never_bound"


def _of(case: str, *tests: str) -> tuple[str, ...]:
    return tuple(f"{test}[{case}]" for test in tests)


TABLE: Final[Mapping[str, tuple[str, ...]]] = {
    "one vfat camera": (_EMPTIED,),
    "one exfat camera": (_EMPTIED,),
    "eight at once on the hub": (_EIGHT,),
    "every clip in the store with the right SHA-256": (_EMPTIED, _EIGHT),
    "read back by an independent client on the host": (_EMPTIED, _EIGHT),
    "every camera cleared of footage": (_EMPTIED, _EIGHT),
    "its other files kept": (_EMPTIED, _EIGHT),
    "its file system clean": (_EMPTIED, _EIGHT),
    "yank in the middle of copy": (_MID_COPY,),
    "of read-back": (_READ_BACK,),
    "of a wipe": (_IN_A_WIPE,),
    "dock again in the same": (f"{_MID_COPY}[same-slot]",),
    "in another slot": (f"{_MID_COPY}[another-slot]",),
    "two yanks in a row": (f"{_JOURNEYS}::test_a_camera_is_yanked_twice_in_a_row",),
    "yank with no undock event seen (ENOBUFS)": (
        f"{_JOURNEYS}::test_a_camera_that_was_away_unseen",
    ),
    "a clip replaced by another of the same name, size and mtime while the camera was away": (
        f"{_JOURNEYS}::test_a_clip_is_exchanged_while_the_camera_is_away",
    ),
    "SIGKILL of the service at random moments": (
        f"{_SERVICE}::test_the_service_is_killed_at_random_moments",
    ),
    "`systemctl restart`": (f"{_ENDS}[restarted]",),
    "`reload`": (f"{_ENDS}[reloaded]",),
    "`stop` in mid-copy": (f"{_ENDS}[stopped]",),
    "the watchdog kills a daemon whose loop is blocked and it comes back": (
        f"{_SERVICE}::test_a_blocked_daemon_is_replaced",
    ),
    "the helper killed while a camera is writable": (
        f"{_SERVICE}::test_the_helper_is_killed_while_a_camera_is_writable",
    ),
    "the store down for the whole docking and back later": (
        f"{_SHORTAGE}::test_the_store_is_down_for_the_whole_docking",
    ),
    "the network cut in mid-part": (f"{_SHORTAGE}::test_the_network_is_cut_in_mid_part",),
    "the spool full": (f"{_SHORTAGE}::test_the_spool_is_full",),
    "the spool's disk returning I/O errors (dm-flakey or scsi_debug in the guest)": (
        f"{_SHORTAGE}::test_the_spools_disk_gives_errors",
    ),
    "the spool not mounted": (f"{_SHORTAGE}::test_the_spool_is_not_mounted",),
    "corrupted FAT": _of("corrupted FAT", _ARRIVES, _SAID, _UNWRITTEN),
    "a cross-linked cluster chain": (
        *_of("crossed chains", _ARRIVES, _CLEARED),
        *_of("crossed chains, again", _SAID),
    ),
    "a loop in the directory tree": _of("loop", _ARRIVES, _SAID, _UNWRITTEN),
    "an ext4": _of("ext4", _ARRIVES, _SAID, _UNWRITTEN),
    "NTFS camera": _of("NTFS", _ARRIVES, _SAID, _UNWRITTEN),
    "names with every odd byte that vfat": (
        *_of("odd on vfat, 1980", _ARRIVES, _CLEARED),
        *_of("names on vfat", _ARRIVES, _SAID, _UNWRITTEN),
    ),
    "exfat allow": (
        *_of("odd on exFAT, 2099", _ARRIVES, _CLEARED),
        *_of("names on exFAT", _ARRIVES, _SAID, _UNWRITTEN),
    ),
    "a volume that claims to be larger than its device": _of(
        "cut off", _ARRIVES, _SAID, _UNWRITTEN
    ),
    "a camera whose clock says 1980": (f"{_CLOCK}[1980]",),
    "2099": (f"{_CLOCK}[2099]",),
    "a FAT with its dirty bit set (recorded, never repaired)": (
        f"{_HOSTILE}::test_a_dirty_bit_is_recorded_and_never_repaired",
        *_of("dirty", _SAID, _CLEARED),
    ),
    "4 GiB minus 1 byte on vfat": _LARGE[:1],
    "more than 4 GiB on exfat (sparse images)": _LARGE,
    "the guest killed while bytes are in flight, at least five times each in copy": (
        f"{_CUT}[copy]",
        f"{_IN_FLIGHT}::test_every_stage_is_cut_often_enough",
    ),
    "read-back": (f"{_CUT}[read-back]",),
    "upload": (f"{_CUT}[upload]",),
    "wipe": (f"{_CUT}[wipe]",),
    "print the stage of each; a cut with nothing in flight does not count": (_CUT,),
    "with the spool on its own block-logged disk, the log replayed to at least 50 points": (
        _ANYWHERE,
    ),
    "including states in which unflushed writes are lost": (_ANYWHERE, _BOOTED),
    "each is mounted on the host (loop, private mount namespace) and opened by dockd there": (
        _ANYWHERE,
    ),
    "a sample of five boots in the guest too": (_BOOTED,),
    "the promises of DESIGN.md section 1 are checked": (_CUT, _ANYWHERE, _BOOTED),
    "a keyboard": (f"{_REFUSED}[keyboard]", f"{_UNBOUND}[keyboard]"),
    "a network adapter": (f"{_REFUSED}[network adapter]", f"{_UNBOUND}[network adapter]"),
    "a storage device that is not allowed": (
        f"{_REFUSED}[not allowed]",
        f"{_UNBOUND}[not allowed]",
    ),
    "no serial number": (f"{_REFUSED}[no serial number]", f"{_UNBOUND}[no serial number]"),
    "the same serial twice": (
        f"{_REFUSED}[same serial]",
        f"{_REFUSED}[twice]",
        f"{_UNBOUND}[same serial]",
        f"{_UNBOUND}[twice]",
    ),
    "a device on a port that is no slot": (f"{_REFUSED}[no slot]", f"{_UNBOUND}[no slot]"),
    "a composite device": (f"{_REFUSED}[composite]", f"{_UNBOUND}[composite]"),
    "never bound by the kernel": (
        _UNBOUND,
        f"{_WRONG}::test_nothing_wrong_became_a_disk_a_network_or_a_keyboard",
    ),
    "refused with the words an admin needs": (
        _REFUSED,
        f"{_WRONG}::test_what_the_refusal_says_to_add_lets_the_device_in",
    ),
    "every event carries its fields": (f"{_JOURNAL}::test_every_event_carries_its_fields",),
    "`journalctl -x` explains each MESSAGE_ID": (
        f"{_JOURNAL}::test_every_line_is_explained",
        f"{_JOURNAL}::test_the_installed_catalogue_explains_every_problem",
    ),
    "`journalctl DOCKD_CAMERA=...` tells one camera's whole story in order": (
        f"{_JOURNAL}::test_a_cameras_story_is_told_whole_and_in_order",
    ),
}

OWED: Final[tuple[str, ...]] = ()
