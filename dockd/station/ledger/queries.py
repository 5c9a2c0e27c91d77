"""Every query that is asked while the station works; the code that reads takes its SQL from here.

Each one finds its rows by an index and none walks a table, so that a station's millionth clip
costs what its thousandth did. A test holds all of `HOT_QUERIES` to that, by plan and by steps.
"""

from typing import Final

from dockd.station.ledger.rows import CLIP_COLUMNS, TRANSFER_COLUMNS

_CLIP = f"SELECT {CLIP_COLUMNS} FROM clips"  # noqa: S608 - constants of this package
_RANKED = f"SELECT {CLIP_COLUMNS}, purge_rank, verified_sequence FROM clips"  # noqa: S608 - as above
_TRANSFER = f"SELECT {TRANSFER_COLUMNS} FROM transfers"  # noqa: S608 - constants of this package
# A page: whichever filter has an index leads, and the others are asked of each row.
_PAGE = """
clips.merged_into IS NULL AND clips.number > :after
AND (:camera IS NULL OR +clips.camera = :camera)
AND (:docking IS NULL OR +clips.docking = :docking)
AND (:place IS NULL OR +clips.place = :place)
AND (:held IS NULL OR (clips.holds <> '[]') = :held)
"""
_ORDER = "ORDER BY clips.number LIMIT :limit"
# A held camera or docking keeps its spool copies too, although stores have them.
_NOT_SET_ASIDE = """
NOT EXISTS (SELECT 1 FROM holds WHERE subject = 'camera ' || clips.camera)
AND NOT EXISTS (SELECT 1 FROM sightings JOIN holds
    ON holds.subject = 'docking ' || sightings.docking WHERE sightings.clip = clips.number)
"""
# The words of facts.SWITCHED_OFF, as the index has them: of a parameter it would not know.
_IS_PAUSED = """
end_reason = 'its slot was switched off' AND NOT EXISTS
    (SELECT 1 FROM dockings AS later WHERE later.continues = dockings.docking)
"""

HOT_QUERIES: Final[dict[str, str]] = {
    # --- one clip ---
    "clip": f"{_CLIP} WHERE clips.number = :number",
    "clip by key": f"{_CLIP} WHERE clips.key = :key AND clips.merged_into IS NULL",
    "clips by id": f"""
        {_CLIP} JOIN ids ON ids.clip = clips.number
        WHERE ids.id >= :first AND ids.id < :beyond LIMIT :limit
        """,
    "verified": "SELECT verified_sequence, verified_at FROM clips WHERE number = :number",
    "highest number": "SELECT max(number) FROM clips",
    # --- several clips ---
    "clips": f"{_CLIP} WHERE {_PAGE} {_ORDER}",
    "clips of a camera": f"{_CLIP} WHERE clips.camera = :camera AND {_PAGE} {_ORDER}",
    "clips of a docking": f"{_CLIP} WHERE clips.docking = :docking AND {_PAGE} {_ORDER}",
    "clips at a place": f"{_CLIP} WHERE clips.place = :place AND {_PAGE} {_ORDER}",
    "on camera": f"""
        {_CLIP} JOIN camera_paths ON camera_paths.clip = clips.number
        WHERE camera_paths.camera = :camera
        UNION {_CLIP} WHERE clips.camera = :camera AND clips.merged_into IS NULL
        AND clips.camera_copy IN ('present', 'wiping')
        """,
    "in docking": f"""
        {_CLIP} WHERE clips.docking = :docking AND clips.merged_into IS NULL ORDER BY clips.number
        """,
    # Of the one camera's clips, which have an index; a docking's own are those it had last.
    "seen in docking": f"""
        {_CLIP} WHERE clips.camera = (SELECT camera FROM dockings WHERE docking = :docking)
        AND clips.merged_into IS NULL AND EXISTS (SELECT 1 FROM sightings
            WHERE sightings.clip = clips.number AND sightings.docking = :docking)
        ORDER BY clips.number
        """,  # noqa: S608 - constants of this package
    "partials left": f"""
        {_CLIP} JOIN dockings ON dockings.docking = clips.docking
        WHERE clips.spool_copy = 'partial' AND clips.merged_into IS NULL
        AND dockings.ended_at IS NOT NULL ORDER BY clips.number
        """,
    "without a copy": f"""
        {_CLIP} WHERE clips.known = 0 AND clips.merged_into IS NULL AND clips.number > :after
        ORDER BY clips.number LIMIT :limit
        """,
    "gone unexplained": f"""
        {_CLIP} WHERE clips.camera_copy = 'gone' AND clips.elsewhere IS NULL
        AND clips.key IS NOT NULL AND clips.merged_into IS NULL AND clips.number > :after
        ORDER BY clips.number LIMIT :limit
        """,
    "purgeable": f"""
        {_RANKED} WHERE clips.purge_rank IS NOT NULL AND {_NOT_SET_ASIDE}
        AND (clips.purge_rank, clips.verified_sequence) > (:rank, :sequence)
        ORDER BY clips.purge_rank, clips.verified_sequence LIMIT :limit
        """,
    # --- transfers ---
    "transfer": f"{_TRANSFER} WHERE clip = :clip AND store = :store",
    "refused": "SELECT store FROM transfers WHERE clip = :clip AND state = 'refused'",
    "receipt": "SELECT * FROM receipts WHERE clip = :clip AND store = :store",
    "receipts": "SELECT * FROM receipts WHERE clip = :clip ORDER BY store",
    "awaiting": f"""
        {_CLIP} JOIN queue ON queue.clip = clips.number
        WHERE queue.store = :store
        ORDER BY queue.unflagged, queue.verified_sequence LIMIT :limit
        """,
    "unproven": f"""
        {_CLIP} JOIN receipts ON receipts.clip = clips.number
        WHERE receipts.store = :store AND receipts.strength = 'size' AND receipts.clip > :after
        AND clips.spool_copy = 'proven' ORDER BY receipts.clip LIMIT :limit
        """,
    "unrepeated": """
        SELECT * FROM receipts WHERE store = :store AND strength = 'digest' AND epoch < :epoch
        AND (epoch, clip) > (:last_epoch, :last_clip) ORDER BY epoch, clip LIMIT :limit
        """,
    "doubted": """
        SELECT receipts.* FROM store_copies JOIN receipts USING (clip, store)
        WHERE store_copies.store = :store AND store_copies.state = 'doubted'
        AND store_copies.clip > :after ORDER BY store_copies.clip LIMIT :limit
        """,
    "queue": "SELECT clips, size_bytes FROM queue_tallies WHERE store = :store",
    "oldest in queue": """
        SELECT clips.verified_at FROM queue JOIN clips ON clips.number = queue.clip
        WHERE queue.store = :store ORDER BY queue.verified_sequence LIMIT 1
        """,
    # --- dockings and the station ---
    "docking": "SELECT * FROM dockings WHERE docking = :docking",
    "dockings": "SELECT * FROM dockings WHERE docking > :after ORDER BY docking LIMIT :limit",
    "dockings of a camera": """
        SELECT * FROM dockings WHERE camera = :camera AND docking > :after
        ORDER BY docking LIMIT :limit
        """,
    "newest dockings of a camera": """
        SELECT * FROM dockings WHERE camera = :camera ORDER BY docking DESC LIMIT :limit
        """,
    "stays": """
        SELECT count(*) AS stays FROM dockings WHERE camera = :camera AND continues IS NULL
        """,
    "last listed": "SELECT max(listed_at) AS listed_at FROM dockings WHERE camera = :camera",
    "wiped unsaid": """
        SELECT sum(wiped_unsaid) AS clips FROM dockings
        WHERE camera = :camera AND wiped_unsaid > 0
        """,
    "open dockings": "SELECT * FROM dockings WHERE ended_at IS NULL ORDER BY docking",
    "paused dockings": f"""
        SELECT * FROM dockings WHERE {_IS_PAUSED} ORDER BY docking
        """,  # noqa: S608 - constants of this module
    # What is neither seen nor held has a copy. A camera whose slot is merely off has not left.
    "left on cameras": f"""
        SELECT clips.camera, max(clips.docking) AS docking, clips.slot, count(*) AS clips,
            sum(clips.size_bytes) AS size_bytes
        FROM clips WHERE clips.place IN ('seen', 'held') AND clips.merged_into IS NULL
        AND clips.camera_copy = 'present' AND clips.spool_copy IN ('none', 'partial')
        AND clips.copied = 0 AND NOT EXISTS
            (SELECT 1 FROM store_copies WHERE clip = clips.number AND proven = 1)
        AND NOT EXISTS (SELECT 1 FROM dockings WHERE dockings.camera = clips.camera
            AND dockings.ended_at IS NULL)
        AND NOT EXISTS (SELECT 1 FROM dockings WHERE dockings.camera = clips.camera
            AND {_IS_PAUSED})
        GROUP BY clips.camera ORDER BY clips.camera
        """,  # noqa: S608 - constants of this module
    # Of a stay with clips more is known than that it ended unlisted: it was rebuilt from them. One
    # that goes on behind a switched-off slot begins with what was there before.
    "left unlisted": """
        SELECT camera, docking, slot FROM dockings WHERE listed = 0 AND ended_at IS NOT NULL
        AND continues IS NULL AND coalesce(end_reason, '') <> 'its slot was switched off'
        AND NOT EXISTS (SELECT 1 FROM dockings AS other WHERE other.camera = dockings.camera
            AND (other.docking > dockings.docking OR other.ended_at IS NULL))
        AND NOT EXISTS (SELECT 1 FROM clips WHERE clips.docking = dockings.docking
            AND clips.merged_into IS NULL)
        ORDER BY docking
        """,
    "without manifest": """
        SELECT * FROM dockings WHERE offloaded = 1 AND manifested = 0
        ORDER BY docking LIMIT :limit
        """,
    "set aside": "SELECT DISTINCT subject FROM holds WHERE subject > ''",
    "holds": "SELECT subject, hold, why, actor FROM holds WHERE subject > ''",
    "problems": "SELECT * FROM problems WHERE opened_sequence > 0 ORDER BY opened_sequence",
    "tallies": "SELECT place, known, clips, size_bytes FROM tallies WHERE scope = :scope",
    "originals": "SELECT clips FROM originals WHERE scope = :scope",
    "tallies of a day": """
        SELECT place, known, sum(clips) AS clips FROM dockings
        JOIN tallies ON tallies.scope = 'docking:' || dockings.docking
        WHERE docking >= :first AND docking < :beyond AND (:camera IS NULL OR +camera = :camera)
        GROUP BY place, known
        """,
    "cameras of a day": """
        SELECT DISTINCT camera FROM dockings WHERE docking >= :first AND docking < :beyond
        """,
    "paths of a camera": "SELECT path FROM camera_paths WHERE camera = :camera",
    "probe": "SELECT strength, detail, probed_at FROM probes WHERE store = :store",
    "meta": "SELECT value FROM meta WHERE key = :key",
    # --- the record ---
    "history": "SELECT * FROM events WHERE subject = :subject ORDER BY sequence",
    "events after": "SELECT * FROM events WHERE sequence > :after ORDER BY sequence LIMIT :limit",
    "event": "SELECT * FROM events WHERE sequence = :sequence",
    "last event": """
        SELECT * FROM events WHERE sequence = (SELECT max(sequence) FROM events)
        """,
}
