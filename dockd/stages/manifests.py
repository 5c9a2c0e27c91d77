"""The manifest of each docking at the stores: what was on the camera, byte for byte.

It stands beside the clips under ``<camera>/dockings/<docking>.json``, so that whoever has only the
store can tell whether a docking is there whole. It is written when all of a docking is proven
here, and again when more came; what could not be written is written later, after any restart too.
"""

import asyncio
import base64
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final

from dockd.core import facts, naming
from dockd.core.camera_clock import CameraClock
from dockd.core.clip import Clip
from dockd.errors import DockdError
from dockd.ports.clock import Clock
from dockd.ports.ledger import DockingRow, Ledger
from dockd.ports.store import Store
from dockd.stages.dating import recorded_at

_AT_ONCE: Final = 16
_LOOK_EVERY_S: Final = 60.0
_FORMAT: Final = "dockd-docking/1"


class Manifests:
    """Writes manifests beside everything else."""

    def __init__(
        self, *, ledger: Ledger, stores: Mapping[str, Store], clock: Clock, station: str
    ) -> None:
        """``stores`` are those configured now; each gets every manifest."""
        self._ledger = ledger
        self._stores = stores
        self._clock = clock
        self._station = station
        self._wake = asyncio.Event()
        # By store and docking, what a store has while another is still to take it: it is not
        # given that again, for a bucket with versions would keep each of them.
        self._taken: dict[tuple[str, str], bytes] = {}

    def heard(self, committed: Sequence[facts.Fact]) -> None:
        """Look again when a docking was offloaded."""
        if any(isinstance(fact, facts.DockingOffloaded) for fact in committed):
            self._wake.set()

    async def run(self) -> None:
        """Write what is due, again and again, until cancelled."""
        if not self._stores:
            return
        while True:
            self._wake.clear()
            for row in await self._ledger.without_manifest(limit=_AT_ONCE):
                await self._write(row)
            try:
                async with asyncio.timeout(_LOOK_EVERY_S):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def _write(self, row: DockingRow) -> None:
        """Write one manifest to every store; one that does not take it now gets it later."""
        # After an outage its camera may have been docked again, and be known by that docking.
        clips = await self._ledger.seen_in_docking(row.docking)
        content = manifest(row, clips, station=self._station)
        key = naming.manifest_key(row.camera, docking=row.docking)
        for name, store in self._stores.items():
            if self._taken.get((name, row.docking)) == content:
                continue
            # Whatever is wrong with a store is said where clips are sent to it.
            with suppress(DockdError):
                await store.write_record(key, content)
                self._taken[name, row.docking] = content
        if all(self._taken.get((name, row.docking)) == content for name in self._stores):
            with suppress(DockdError):
                stored = facts.ManifestStored(docking=row.docking, clips=len(clips))
                await self._ledger.record(stored)
                for name in self._stores:
                    del self._taken[name, row.docking]


def manifest(row: DockingRow, clips: Sequence[Clip], *, station: str) -> bytes:
    """Return the manifest of a docking: JSON with sorted members, one clip after another.

    A clip's ``path`` is the camera's raw path in base64url; ``name`` is the same for people.
    """
    return encoded(
        {
            "format": _FORMAT,
            **head(row, station=station),
            "clips": [entry(clip, row.clock) for clip in clips if clip.key is not None],
        }
    )


def encoded(document: Mapping[str, object]) -> bytes:
    """Return a manifest's bytes; the same document is the same bytes."""
    return json.dumps(document, sort_keys=True, indent=1).encode() + b"\n"


def head(row: DockingRow, *, station: str) -> Mapping[str, object]:
    """Return what a manifest says of the docking itself."""
    return {
        "station": station,
        "slot": row.slot,
        "camera": row.camera,
        "docking": row.docking,
        "docked_at": row.started_at,
        "clock": {
            "source": row.clock.source,
            "offset_s": row.clock.offset_s,
            "uncertainty_s": row.clock.uncertainty_s,
        },
    }


def entry(clip: Clip, clock: CameraClock) -> Mapping[str, object]:
    """Return what a manifest says of one clip."""
    return {
        "id": clip.id,
        "key": clip.key,
        "path": base64.urlsafe_b64encode(clip.path).decode(),
        "name": naming.safe_path(clip.path),
        "size_bytes": clip.stored_size_bytes,
        "sha256": clip.sha256,
        "xxh128": clip.xxh128,
        "recorded_at": recorded_at(clip.mtime_ns, clock.source),
        "flagged": clip.flagged,
        "partial": clip.partial,
    }
