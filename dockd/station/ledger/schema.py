"""The ledger's schema, as the list of migrations that made it.

A migration that was released is never edited: a change is a new one at the end. Tables hold the
present state; ``events`` holds how it came about, and nothing but an insert touches it.
"""

from dataclasses import dataclass
from typing import Final

from dockd.station.ledger.first_schema import FIRST


@dataclass(frozen=True, slots=True)
class Migration:
    """The statements that lead to schema ``version`` from the one before."""

    version: int
    statements: tuple[str, ...]


_REPEATED_AND_CLEARED: Final = (
    # What a store gave before the last restore, found without a look at what it repeated since.
    "CREATE INDEX receipts_epoch ON receipts (store, epoch, clip) WHERE strength = 'digest'",
    # How many clips were wiped in a docking since it was last said that their camera is clear.
    "ALTER TABLE dockings ADD COLUMN wiped_unsaid INTEGER NOT NULL DEFAULT 0",
    "CREATE INDEX dockings_unsaid ON dockings (camera, wiped_unsaid) WHERE wiped_unsaid > 0",
)

_CAMERA_CLOCKS: Final = (
    # When a camera was last seen with nothing more than it had then, by a clock that could be
    # trusted, and what its files said of its own.
    "ALTER TABLE dockings ADD COLUMN listed_at TEXT",
    "ALTER TABLE dockings ADD COLUMN clock_source TEXT NOT NULL DEFAULT 'none'",
    "ALTER TABLE dockings ADD COLUMN clock_offset_s INTEGER",
    "ALTER TABLE dockings ADD COLUMN clock_uncertainty_s INTEGER",
)

_EXTRA_STORES: Final = (
    # Beside "stores": those that get flagged clips only.
    "INSERT INTO meta (key, value) VALUES ('extra stores', '[]')",
)

_ELSEWHERE: Final = (
    # Where a clip that is gone from its camera was seen last, as a list of station and docking.
    "ALTER TABLE clips ADD COLUMN elsewhere TEXT",
    """
    CREATE INDEX clips_unexplained ON clips (number) WHERE camera_copy = 'gone'
    AND elsewhere IS NULL AND key IS NOT NULL AND merged_into IS NULL
    """,
)

_PAUSES: Final = (
    # The docking that one continues, its slot having been switched off in between.
    "ALTER TABLE dockings ADD COLUMN continues TEXT",
    "CREATE INDEX dockings_continuing ON dockings (continues) WHERE continues IS NOT NULL",
    # The words of facts.SWITCHED_OFF.
    """
    CREATE INDEX dockings_paused ON dockings (end_reason, docking)
    WHERE end_reason = 'its slot was switched off'
    """,
)

_CHARGES: Final = (
    # How the camera charged, and how well that was forecast; NULL where it was not measured.
    "ALTER TABLE dockings ADD COLUMN charge_seconds INTEGER",
    "ALTER TABLE dockings ADD COLUMN charge_from_percent INTEGER",
    "ALTER TABLE dockings ADD COLUMN charge_to_percent INTEGER",
    "ALTER TABLE dockings ADD COLUMN charge_energy_mwh INTEGER",
    "ALTER TABLE dockings ADD COLUMN charge_resets INTEGER",
    "ALTER TABLE dockings ADD COLUMN charge_forecast_s INTEGER",
    "ALTER TABLE dockings ADD COLUMN charge_ready_s INTEGER",
)

_DOUBTS: Final = (
    # The few copies that a store is still to be asked for; an older dockd knows no such state.
    "CREATE INDEX store_copies_doubted ON store_copies (store, clip) WHERE state = 'doubted'",
)

_PRIORITISED: Final = (
    # Those that a person asked for go first in the queue: -1 in "unflagged", before 0 and 1.
    "ALTER TABLE clips ADD COLUMN prioritised INTEGER NOT NULL DEFAULT 0",
)

_READS: Final = (
    # How much was read from the camera to be copied, and how many files could not be read.
    "ALTER TABLE dockings ADD COLUMN read_bytes INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE dockings ADD COLUMN read_errors INTEGER NOT NULL DEFAULT 0",
)

_CURVES: Final = (
    # What a docking showed of its camera's battery, for the model of it (core/battery_model).
    "ALTER TABLE dockings ADD COLUMN charge_rate_hundredths INTEGER",
    "ALTER TABLE dockings ADD COLUMN charge_power_mw INTEGER",
    "ALTER TABLE dockings ADD COLUMN charge_taper_hundredths INTEGER",
    "ALTER TABLE dockings ADD COLUMN charge_ends_hundredths INTEGER",
    "ALTER TABLE dockings ADD COLUMN charge_ends_error_hundredths INTEGER",
    # Which saying of its battery a camera brought: the same one again is old.
    "ALTER TABLE dockings ADD COLUMN battery_said TEXT",
)

_UNLISTED: Final = (
    # The few stays that ended before anybody knew what was on the camera.
    "CREATE INDEX dockings_unlisted ON dockings (listed, docking) WHERE listed = 0",
)

MIGRATIONS: Final = (
    Migration(1, FIRST),
    Migration(2, _REPEATED_AND_CLEARED),
    Migration(3, _CAMERA_CLOCKS),
    Migration(4, _EXTRA_STORES),
    Migration(5, _ELSEWHERE),
    Migration(6, _PAUSES),
    Migration(7, _CHARGES),
    Migration(8, _DOUBTS),
    Migration(9, _PRIORITISED),
    Migration(10, _READS),
    Migration(11, _CURVES),
    Migration(12, _UNLISTED),
)
