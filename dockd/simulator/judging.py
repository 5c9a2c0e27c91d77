"""The closing judgement: what is in the spool, in the store and on the cameras, found out anew.

Nothing here asks dockd. The spool's files are hashed, the store's objects are fetched by boto3 and
hashed, the cameras are listed, and all of it is compared with digests that were taken when the
footage was made.
"""

import hashlib
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
_MANIFESTS: Final = "dockings/"

Digests = Mapping[str, str]
"""The SHA-256 in hex of each file, by its path on the camera."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreContent:
    """What a bucket holds of one camera.

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
    paths = {_key(footage.camera, path, sha256): path for path, sha256 in expected.items()}
    in_store = {paths[key]: sha256 for key, sha256 in store.digests.items() if key in paths}
    counts = [store.versions.get(key, 0) for key in paths]
    complaints = [
        *_differences(expected, spool, where="the spool"),
        *_differences(expected, in_store, where="the store"),
        *(
            f"the store has {store.versions.get(key, 0)} versions of {path}"
            for key, path in paths.items()
            if store.versions.get(key, 0) != 1
        ),
        *(f"the store has {key}, which is no clip" for key in store.versions if key not in paths),
        *(f"{path} is still on the camera" for path in left),
    ]
    return Judgement(
        footage=footage,
        spool=combined(spool),
        store=combined(in_store),
        versions=(min(counts), max(counts)),
        left=left,
        complaints=[f"{footage.camera}: {complaint}" for complaint in complaints],
    )


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


def _key(camera: str, path: str, sha256: str) -> str:
    """Return where the store must have a clip (DESIGN.md section 5); its names need no escape."""
    return f"{camera}/{sha256}/{path}"


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


def store_content(client: Any, *, camera: str) -> StoreContent:  # noqa: ANN401 - a boto3 client
    """List everything the bucket has of a camera but the manifests, and fetch and hash it all."""
    versions: dict[str, int] = defaultdict(int)
    present: list[str] = []
    pages = client.get_paginator("list_object_versions")
    for page in pages.paginate(Bucket=BUCKET, Prefix=f"{camera}/"):
        for entry in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
            if not entry["Key"].startswith(f"{camera}/{_MANIFESTS}"):
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
