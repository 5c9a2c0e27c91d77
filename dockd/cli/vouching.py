"""What vouches for an exported docking: its manifest, its SHA-256 sums, its ASC MHL history."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from dockd.config import Config
from dockd.core.clip import Clip
from dockd.core.facts import ReceiptAccepted
from dockd.core.printable import printable
from dockd.ports.ledger import DockingRow, Head
from dockd.stages import manifests
from dockd.stages.dating import written_s
from dockd.station import mhl
from dockd.station.export import Outcome, Present
from dockd.station.export.copying import digests_in
from dockd.station.export.docking import MANIFEST, SUMS

_FORMAT: Final = "dockd-export/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What the ledger says of one docking: its clips by their numbers, and their receipts."""

    row: DockingRow
    head: Head
    clips: Sequence[Clip]
    receipts: Mapping[int, Sequence[ReceiptAccepted]]


def vouchers(
    record: Record, *, config: Config, now: Callable[[], datetime]
) -> Callable[[Sequence[Outcome]], Mapping[str, bytes]]:
    """Return what makes the files that vouch for a docking's clips, by their places.

    Each vouches for those before it as well: the sums for the manifest, the history for both.
    """

    def made(outcomes: Sequence[Outcome]) -> Mapping[str, bytes]:
        when = now()
        present = [each for each in outcomes if isinstance(each, Present)]
        manifest = manifests.encoded(_manifest(record, outcomes, config=config, when=when))
        sums = _sums(present, manifest=manifest)
        listed = [
            *(
                mhl.Listed(
                    place=each.place,
                    size_bytes=each.digests.size_bytes,
                    written_s=written_s(each.clip.mtime_ns, record.row.clock.source),
                    xxh128=each.digests.xxh128,
                )
                for each in present
            ),
            mhl.listed(MANIFEST, manifest, when=when),
            mhl.listed(SUMS, sums, when=when),
        ]
        history = mhl.history(
            record.row.docking,
            listed,
            host=printable(config.station.name),
            now=when,
            comment=printable(f"camera {record.row.camera}, docking {record.row.docking}"),
        )
        below = {f"{mhl.FOLDER}/{name}": content for name, content in history.items()}
        return {MANIFEST: manifest, SUMS: sums, **below}

    return made


def unvouched(files: Mapping[str, bytes], outcomes: Sequence[Outcome]) -> Sequence[str]:
    """Return what is wrong with the ``files`` that vouch for a docking, by their places."""
    present = [each for each in outcomes if isinstance(each, Present)]
    manifest, sums = files.get(MANIFEST, b""), files.get(SUMS, b"")
    lines = set(sums.splitlines())
    wrong = [
        f"{SUMS} does not say: {line.decode()}"
        for line in _sums(present, manifest=manifest).splitlines()
        if line not in lines
    ]
    below = f"{mhl.FOLDER}/"
    history = {
        place.removeprefix(below): content
        for place, content in files.items()
        if place.startswith(below)
    }
    try:
        said = mhl.said(history)
    except ValueError as error:
        return [*wrong, f"{mhl.FOLDER} is no history of it: {printable(str(error))}"]
    hashed = {each.place: each.digests.xxh128 for each in present}
    for place, content in ((MANIFEST, manifest), (SUMS, sums)):
        hashed[place] = digests_in(content).xxh128
    return wrong + [
        f"{mhl.FOLDER} does not say that {place} hashes to {xxh128}"
        for place, xxh128 in hashed.items()
        if said.get(place) != xxh128
    ]


def _manifest(
    record: Record, outcomes: Sequence[Outcome], *, config: Config, when: datetime
) -> Mapping[str, object]:
    return {
        "format": _FORMAT,
        **manifests.head(record.row, station=config.station.name),
        "exported_at": when.isoformat(timespec="seconds").replace("+00:00", "Z"),
        "ledger": {"id": record.head.ledger_id, "epoch": record.head.epoch},
        "whole": all(isinstance(each, Present) for each in outcomes),
        "clips": [
            {
                **manifests.entry(each.clip, record.row.clock),
                "name": printable(each.clip.path),
                "file": each.place if isinstance(each, Present) else None,
                "absent": None if isinstance(each, Present) else each.reason,
                "receipts": [
                    {
                        "store": receipt.store,
                        "strength": receipt.strength,
                        "version": receipt.version,
                    }
                    for receipt in record.receipts[each.clip.number]
                ],
            }
            for each in outcomes
        ],
    }


def _sums(present: Sequence[Present], *, manifest: bytes) -> bytes:
    """Return what `sha256sum -c` reads.

    No place has a backslash or a line feed (``dockd.core.portable``), so none is escaped as
    coreutils would.
    """
    lines = [
        *(f"{each.digests.sha256}  {each.place}\n" for each in present),
        f"{hashlib.sha256(manifest).hexdigest()}  {MANIFEST}\n",
    ]
    return "".join(lines).encode()
