"""Every problem of the catalogue, with the tests that see it raised and the tests that see it end.

"Every problem clears itself when its cause does, and says how long it lasted." A problem that shares
its end with others names the mechanism; `test_ends` tries that for each. A test is named by its file
and its function.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple


class Shown(NamedTuple):
    """The tests that see a problem raised, and those that see it end."""

    raised: tuple[str, ...]
    ended: tuple[str, ...]


OF_A_STORE: Final = (
    "store-unreachable",
    "store-busy",
    "store-refused-credentials",
    "store-bucket-missing",
    "store-receipt-pending",
)
OF_A_CLIP_AT_A_STORE: Final = (
    "store-conflict",
    "store-checksum-mismatch",
    "store-rejected-clip",
    "store-lost-object",
    "transfer-stuck",
    "illegal-fact",
)
OF_A_COPY: Final = (
    "clip-unreadable",
    "clip-changed-while-read",
    "fsync-failed",
    "spool-read-only",
    "spool-changed",
    "spool-full",
)
OF_THE_SPOOL: Final = (
    "spool-read-only",
    "spool-changed",
    "fsync-failed",
    "digest-mismatch",
    "ledger-damaged",
    "internal-error",
)
OF_WHAT_IS_REFUSED: Final = (
    "camera-duplicate-serial",
    "camera-without-serial",
    "camera-not-allowed",
    "camera-not-storage",
    "camera-media-refused",
    "port-not-a-slot",
    "name-unsupported",
)
OF_A_STAY: Final = (
    "camera-media-refused",
    "camera-listing-damaged",
    "helper-unreachable",
    "helper-refused",
    "slot-settling",
    "slot-fault",
)
OF_CHARGING: Final = (
    "cut-for-safety",
    "cut-while-busy",
    "charge-temperature",
    "charge-over-current",
    "charge-no-progress",
    "charge-reading-refused",
    "power-budget",
    "hub-error",
    "hub-rebooted",
    "hub-nonsense",
)
OF_A_TASK: Final = ("detection-failed", "internal-error", "ledger-damaged", "spool-read-only")
