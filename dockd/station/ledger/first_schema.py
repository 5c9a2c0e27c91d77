"""The schema that every ledger begins with: the statements of the first migration."""

from typing import Final

_META: Final = """
CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID
"""

_EVENTS: Final = """
CREATE TABLE events (
    sequence INTEGER PRIMARY KEY,
    time_utc TEXT NOT NULL,
    clock_quality TEXT NOT NULL,
    monotonic_ns INTEGER NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    fields TEXT NOT NULL,
    previous_hash TEXT NOT NULL,
    own_hash TEXT NOT NULL
) STRICT
"""

_DOCKINGS: Final = """
CREATE TABLE dockings (
    docking TEXT PRIMARY KEY,
    camera TEXT NOT NULL,
    slot TEXT NOT NULL,
    family TEXT NOT NULL,
    started_at TEXT NOT NULL,
    ended_at TEXT,
    end_reason TEXT,
    listed INTEGER NOT NULL DEFAULT 0,
    offloaded INTEGER NOT NULL DEFAULT 0,
    cleared INTEGER NOT NULL DEFAULT 0,
    manifested INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID
"""

# Behind `partial` nothing is the clip's own: the columns from `place` on are derived (derive.py),
# and stand here so that no question about many clips has to load them.
_CLIPS: Final = """
CREATE TABLE clips (
    number INTEGER PRIMARY KEY,
    camera TEXT NOT NULL,
    docking TEXT NOT NULL REFERENCES dockings (docking),
    birth_docking TEXT NOT NULL REFERENCES dockings (docking),
    slot TEXT NOT NULL,
    path BLOB NOT NULL,
    size_bytes INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    flagged INTEGER NOT NULL,
    camera_copy TEXT NOT NULL,
    spool_copy TEXT NOT NULL,
    copied INTEGER NOT NULL,
    copied_in TEXT NOT NULL,
    hashed_in TEXT,
    rehashed INTEGER NOT NULL,
    copied_sha256 TEXT,
    sha256 TEXT,
    xxh128 TEXT,
    key TEXT,
    merged_into INTEGER REFERENCES clips (number),
    holds TEXT NOT NULL,
    trouble TEXT,
    stored_size_bytes INTEGER NOT NULL,
    part_size_bytes INTEGER NOT NULL,
    proof TEXT,
    partial INTEGER NOT NULL,
    place TEXT NOT NULL,
    known INTEGER NOT NULL,
    purge_rank INTEGER,
    verified_sequence INTEGER,
    verified_at TEXT,
    part_sha256 TEXT NOT NULL
) STRICT
"""

# Every stay in which a clip was seen, in their order: setting one of them aside is a hold on it.
_SIGHTINGS: Final = """
CREATE TABLE sightings (
    clip INTEGER NOT NULL REFERENCES clips (number),
    position INTEGER NOT NULL,
    docking TEXT NOT NULL REFERENCES dockings (docking),
    PRIMARY KEY (clip, position)
) STRICT, WITHOUT ROWID
"""

_SPOOL_PARTS: Final = """
CREATE TABLE spool_parts (
    clip INTEGER NOT NULL REFERENCES clips (number),
    part INTEGER NOT NULL,
    offset INTEGER NOT NULL,
    size_bytes INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    PRIMARY KEY (clip, part)
) STRICT, WITHOUT ROWID
"""

_STORE_COPIES: Final = """
CREATE TABLE store_copies (
    clip INTEGER NOT NULL REFERENCES clips (number),
    store TEXT NOT NULL,
    state TEXT NOT NULL,
    proven INTEGER NOT NULL,
    PRIMARY KEY (clip, store)
) STRICT, WITHOUT ROWID
"""

_TRANSFERS: Final = """
CREATE TABLE transfers (
    clip INTEGER NOT NULL REFERENCES clips (number),
    store TEXT NOT NULL,
    key TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    parts INTEGER NOT NULL,
    state TEXT NOT NULL,
    upload_id TEXT,
    version TEXT,
    restarts INTEGER NOT NULL,
    PRIMARY KEY (clip, store)
) STRICT, WITHOUT ROWID
"""

_TRANSFER_PARTS: Final = """
CREATE TABLE transfer_parts (
    clip INTEGER NOT NULL,
    store TEXT NOT NULL,
    part INTEGER NOT NULL,
    state TEXT NOT NULL,
    etag TEXT,
    PRIMARY KEY (clip, store, part),
    FOREIGN KEY (clip, store) REFERENCES transfers (clip, store)
) STRICT, WITHOUT ROWID
"""

_RECEIPTS: Final = """
CREATE TABLE receipts (
    clip INTEGER NOT NULL,
    store TEXT NOT NULL,
    strength TEXT NOT NULL,
    key TEXT NOT NULL,
    version TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    how TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    received_at TEXT NOT NULL,
    PRIMARY KEY (clip, store),
    FOREIGN KEY (clip, store) REFERENCES transfers (clip, store)
) STRICT, WITHOUT ROWID
"""

# Every id a clip ever had, and what was last seen at each path of each camera.
_IDS: Final = """
CREATE TABLE ids (
    id TEXT NOT NULL,
    clip INTEGER NOT NULL REFERENCES clips (number),
    PRIMARY KEY (id, clip)
) STRICT, WITHOUT ROWID
"""

_CAMERA_PATHS: Final = """
CREATE TABLE camera_paths (
    camera TEXT NOT NULL,
    path BLOB NOT NULL,
    clip INTEGER NOT NULL REFERENCES clips (number),
    PRIMARY KEY (camera, path)
) STRICT, WITHOUT ROWID
"""

# What waits for each store; the store '' stands for all of them, each clip once.
_QUEUE: Final = """
CREATE TABLE queue (
    store TEXT NOT NULL,
    clip INTEGER NOT NULL REFERENCES clips (number),
    unflagged INTEGER NOT NULL,
    verified_sequence INTEGER NOT NULL,
    PRIMARY KEY (store, clip)
) STRICT, WITHOUT ROWID
"""

_QUEUE_TALLIES: Final = """
CREATE TABLE queue_tallies (
    store TEXT PRIMARY KEY,
    clips INTEGER NOT NULL,
    size_bytes INTEGER NOT NULL
) STRICT, WITHOUT ROWID
"""

_TALLIES: Final = """
CREATE TABLE tallies (
    scope TEXT NOT NULL,
    place TEXT NOT NULL,
    known INTEGER NOT NULL,
    clips INTEGER NOT NULL,
    size_bytes INTEGER NOT NULL,
    PRIMARY KEY (scope, place, known)
) STRICT, WITHOUT ROWID
"""

# Counted at birth and at a merge only, so that completeness is closed by a number of its own.
_ORIGINALS: Final = """
CREATE TABLE originals (
    scope TEXT PRIMARY KEY,
    clips INTEGER NOT NULL
) STRICT, WITHOUT ROWID
"""

_HOLDS: Final = """
CREATE TABLE holds (
    subject TEXT NOT NULL,
    hold TEXT NOT NULL,
    why TEXT NOT NULL,
    actor TEXT NOT NULL,
    since TEXT NOT NULL,
    PRIMARY KEY (subject, hold)
) STRICT, WITHOUT ROWID
"""

_PROBLEMS: Final = """
CREATE TABLE problems (
    opened_sequence INTEGER PRIMARY KEY,
    slug TEXT NOT NULL,
    subject TEXT NOT NULL,
    severity TEXT NOT NULL,
    since TEXT NOT NULL,
    reason TEXT NOT NULL,
    owner TEXT NOT NULL,
    next_step TEXT NOT NULL,
    UNIQUE (slug, subject)
) STRICT
"""

_PROBES: Final = """
CREATE TABLE probes (
    store TEXT PRIMARY KEY,
    strength TEXT NOT NULL,
    detail TEXT NOT NULL,
    probed_at TEXT NOT NULL
) STRICT, WITHOUT ROWID
"""

_APPEND_ONLY: Final = tuple(
    f"CREATE TRIGGER events_no_{verb.lower()} BEFORE {verb} ON events"
    " BEGIN SELECT RAISE(ABORT, 'the record is append-only'); END"
    for verb in ("UPDATE", "DELETE")
)

_INDEXES: Final = (
    "CREATE INDEX events_subject ON events (subject, sequence)",
    "CREATE INDEX dockings_camera ON dockings (camera, docking)",
    (
        "CREATE INDEX clips_on_camera ON clips (camera, camera_copy)"
        " WHERE camera_copy IN ('present', 'wiping') AND merged_into IS NULL"
    ),
    "CREATE INDEX clips_unknown ON clips (number) WHERE known = 0 AND merged_into IS NULL",
    "CREATE INDEX dockings_ended ON dockings (ended_at, docking)",
    (
        "CREATE INDEX dockings_manifest ON dockings (offloaded, manifested, docking)"
        " WHERE offloaded = 1 AND manifested = 0"
    ),
    "CREATE INDEX receipts_unproven ON receipts (store, clip) WHERE strength = 'size'",
    # Two clips with one key would be one piece of evidence twice.
    "CREATE UNIQUE INDEX clips_key ON clips (key) WHERE key IS NOT NULL AND merged_into IS NULL",
    "CREATE INDEX clips_docking ON clips (docking, number) WHERE merged_into IS NULL",
    "CREATE INDEX clips_camera ON clips (camera, number) WHERE merged_into IS NULL",
    "CREATE INDEX clips_place ON clips (place, number) WHERE merged_into IS NULL",
    (
        "CREATE INDEX clips_spool ON clips (spool_copy, number)"
        " WHERE spool_copy = 'partial' AND merged_into IS NULL"
    ),
    (
        "CREATE INDEX clips_purge ON clips (purge_rank, verified_sequence)"
        " WHERE purge_rank IS NOT NULL"
    ),
    "CREATE INDEX queue_order ON queue (store, unflagged, verified_sequence)",
    "CREATE INDEX queue_oldest ON queue (store, verified_sequence)",
)

FIRST: Final = (
    _META,
    _EVENTS,
    *_APPEND_ONLY,
    _DOCKINGS,
    _CLIPS,
    _SIGHTINGS,
    _SPOOL_PARTS,
    _STORE_COPIES,
    _TRANSFERS,
    _TRANSFER_PARTS,
    _RECEIPTS,
    _IDS,
    _CAMERA_PATHS,
    _QUEUE,
    _QUEUE_TALLIES,
    _TALLIES,
    _ORIGINALS,
    _HOLDS,
    _PROBLEMS,
    _PROBES,
    *_INDEXES,
)
