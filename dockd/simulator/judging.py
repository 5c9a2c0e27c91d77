"""The closing judgement: what is in the spool, in the store and on the cameras, found out anew.

Nothing here asks dockd. The spool's files are hashed, the store's objects are fetched by boto3 and
hashed, the cameras are listed, and all of it is compared with digests that were taken when the
footage was made.
"""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from dockd.simulator.footage import Footage
from dockd.simulator.seaweed import BUCKET

_CHUNK_BYTES: Final = 1024 * 1024
_SHORT: Final = 12
_FETCHES: Final = 2
_OWN: Final = re.compile(r"^\.dockd|^[^/]+/dockings/[^/]+\.json$")
"""What dockd puts beside the clips: checkpoints, trials, and a manifest for each docking."""

Digests = Mapping[str, str]
"""The SHA-256 in hex of each file, by its path on the camera."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreContent:
    """What a bucket holds, but for what dockd keeps there for itself.

    Attributes:
        versions: How many versions there are of each key, deletions included.
        digests: The SHA-256 of each key's present content, as fetched.
    """

    versions: Mapping[str, int] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What came of one camera.

    Attributes:
        spool: The digest of all its clips together, as the spool holds them.
        store: The same of the store.
        versions: The fewest and the most versions that a clip has in the store.
        left: The files that are still on the camera.
        complaints: Everything that is not as it must be; empty: all is well.
    """

    footage: Footage
    spool: str
    store: str
    versions: tuple[int, int]
    left: Sequence[str]
    complaints: Sequence[str]


def judge(
    footage: Footage, *, spool: Digests, store: StoreContent, left: Sequence[str]
) -> Judgement:
    """Compare what was found with what was made."""
    expected = {clip.path: clip.sha256 for clip in footage.clips}
    in_spool = {path: sha256 for path, sha256 in spool.items() if path in expected}
    keys = _keys(footage)
    in_store = {path: store.digests[key] for path, key in keys.items() if key in store.digests}
    versions = {path: store.versions.get(key, 0) for path, key in keys.items()}
    complaints = [
        *_differences(expected, in_spool, where="the spool"),
        *_differences(expected, in_store, where="the store"),
        *(
            f"the store has {count} versions of {path}"
            for path, count in versions.items()
            if count != 1
        ),
        *(f"{path} is still on the camera" for path in left),
    ]
    return Judgement(
        footage=footage,
        spool=combined(in_spool),
        store=combined(in_store),
        versions=(min(versions.values()), max(versions.values())),
        left=left,
        complaints=[f"{footage.camera}: {complaint}" for complaint in complaints],
    )


def strangers(footage: Iterable[Footage], *, store: StoreContent) -> list[str]:
    """Complain of every object that is no clip of any camera: bytes that came twice, or torn."""
    known = {key for of_camera in footage for key in _keys(of_camera).values()}
    return [f"the store has {key}, which is no clip" for key in store.versions if key not in known]


def combined(digests: Digests) -> str:
    """Return the SHA-256 of the list that `sha256sum` would print, shortened for a table."""
    lines = "".join(f"{digests[path]}  {path}\n" for path in sorted(digests))
    return hashlib.sha256(lines.encode()).hexdigest()[:_SHORT]


def _differences(expected: Digests, found: Digests, *, where: str) -> Iterable[str]:
    for path, sha256 in expected.items():
        if path not in found:
            yield f"{where} does not have {path}"
        elif found[path] != sha256:
            yield f"{where} has other content for {path}"


def _keys(footage: Footage) -> dict[str, str]:
    """Return where the store must have each clip (DESIGN.md section 5); no name needs an escape."""
    return {clip.path: f"{footage.camera}/{clip.sha256}/{clip.path}" for clip in footage.clips}


def spool_digests(spool: Path, *, camera: str) -> dict[str, str]:
    """Return the SHA-256 of every clip of a camera in the spool, whichever docking brought it.

    A path that two dockings hold with different content is left out: neither can be believed.
    """
    found: dict[str, set[str]] = defaultdict(set)
    for docking in (spool / "clips" / camera).glob("*"):
        for path in docking.rglob("*"):
            if path.is_file():
                with path.open("rb") as file:
                    digest = hashlib.file_digest(file, "sha256").hexdigest()
                found[str(path.relative_to(docking))].add(digest)
    return {path: digests.pop() for path, digests in found.items() if len(digests) == 1}


def store_content(client: Any) -> StoreContent:  # noqa: ANN401 - a boto3 client
    """List every version of everything in the bucket, and fetch and hash all clips."""
    versions: dict[str, int] = defaultdict(int)
    present: list[str] = []
    pages = client.get_paginator("list_object_versions")
    for page in pages.paginate(Bucket=BUCKET):
        for entry in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
            if not _OWN.search(entry["Key"]):
                versions[entry["Key"]] += 1
        present += [
            entry["Key"]
            for entry in page.get("Versions", ())
            if entry["IsLatest"] and entry["Key"] in versions
        ]
    with ThreadPoolExecutor(_FETCHES) as fetchers:
        digests = fetchers.map(lambda key: _fetched(client, key), present)
        return StoreContent(
            versions=dict(versions), digests=dict(zip(present, digests, strict=True))
        )


def _fetched(client: Any, key: str) -> str:  # noqa: ANN401 - a boto3 client
    hasher = hashlib.sha256()
    for chunk in client.get_object(Bucket=BUCKET, Key=key)["Body"].iter_chunks(_CHUNK_BYTES):
        hasher.update(chunk)
    return hasher.hexdigest()
