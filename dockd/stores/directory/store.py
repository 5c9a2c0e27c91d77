"""The directory store: whole files under their keys, made elsewhere and published exclusively.

Unfinished uploads live in ``.uploads/<id>/``: ``content``, sparse until every part is written in
its place, and one small file per part that arrived. Metadata lies in ``.metadata/<clip id>.json``.
"""

import asyncio
import json
import os
import shutil
import threading
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Concatenate, Final, Literal, ParamSpec, TypeVar

from dockd.core.naming import clip_id, component
from dockd.core.receipt import Found, Trust, judge
from dockd.errors import (
    StoreLostObject,
    StoreRefusedCredentials,
    StoreRejected,
    StoreUnreachable,
    UploadVanished,
)
from dockd.ports.clock import Clock
from dockd.ports.store import Outgoing, Probe, Proven
from dockd.stores.directory import files
from dockd.stores.directory.options import MARKER, DirectoryOptions

_UPLOADS: Final = ".uploads"
_METADATA: Final = ".metadata"
_CONTENT: Final = "content"
_MOST_RECORDS: Final = 1000
_PROBE: Final = b"dockd probes whether this directory gives back what it is given\n"

P = ParamSpec("P")
T = TypeVar("T")


class DirectoryStore:
    """A share or disk; its receipts are read back past the page cache."""

    kind: Literal["directory"] = "directory"
    in_order = False
    readable = True

    def __init__(self, options: DirectoryOptions, *, clock: Clock) -> None:
        self._options = options
        self._root = options.path
        self._clock = clock

    @property
    def name(self) -> str:
        """Its name in the configuration."""
        return self._options.name

    async def probe(self) -> Probe:
        """Write a file and read it back from the device; leave nothing behind."""
        return await self._work(self._probe)

    async def find_object(self, outgoing: Outgoing) -> str | None:
        """Return "" when there is a file at the clip's key, or None."""
        there = await self._work(lambda _: os.path.lexists(self._path(outgoing.expected.key)))
        return "" if there else None

    async def takes_whole(self, outgoing: Outgoing) -> bool:
        """Return True: a clip of one part is put in one piece."""
        del outgoing
        return True

    async def create_upload(self, outgoing: Outgoing) -> str:
        """Make the place in which the file is put together and return its id."""
        upload_id = f"{clip_id(outgoing.expected.key)}-{self._clock.random_bytes(8).hex()}"
        await self._work(self._prepare, outgoing, upload_id=upload_id)
        return upload_id

    async def find_upload(self, outgoing: Outgoing) -> str | None:
        """Return an upload for this key without any parts, or None."""
        return await self._work(self._find_upload, outgoing)

    async def arrived_parts(self, outgoing: Outgoing, *, upload_id: str) -> Mapping[int, str]:
        """Return the digest of every part that is in its place, by index.

        Raises:
            UploadVanished
        """
        return await self._work(self._arrived_parts, outgoing, upload_id=upload_id)

    async def send_part(self, outgoing: Outgoing, *, upload_id: str, index: int) -> str:
        """Write one part in its place and return its digest.

        Raises:
            UploadVanished
            StoreChecksumMismatch
        """
        await self._paced(outgoing, outgoing.extent(index)[1])
        return await self._work(self._write_part, outgoing, upload_id=upload_id, index=index)

    async def complete(
        self, outgoing: Outgoing, *, upload_id: str, etags: Mapping[int, str]
    ) -> str:
        """Publish the file, unless one is there.

        Raises:
            UploadVanished
        """
        await self._work(self._publish, outgoing, upload_id=upload_id, etags=etags)
        return ""

    async def put_whole(self, outgoing: Outgoing) -> str:
        """Write and publish a file in one go, unless one is there."""
        await self._paced(outgoing, outgoing.expected.size_bytes)
        await self._work(self._put_whole, outgoing)
        return ""

    async def prove(self, outgoing: Outgoing, *, version: str) -> Proven:
        """Read the file back past the page cache and judge it.

        Raises:
            StoreLostObject
        """
        size_bytes, sha256 = await self._work(self._read_past_cache, outgoing.expected.key)
        found = Found(size_bytes=size_bytes, version=version, read_back_sha256=sha256)
        trust = Trust(refuses_wrong_checksums=True, authentic=self._apart())
        judgement = judge(found, expected=outgoing.expected, trust=trust)
        return Proven(judgement=judgement, version=version, size_bytes=size_bytes)

    async def abort(self, outgoing: Outgoing, *, upload_id: str) -> None:
        """Throw an upload away that can never have been completed."""
        folder = self._upload(upload_id)
        # Only ever one of this very key: the rest of the folder is other people's evidence.
        if folder.name.startswith(f"{clip_id(outgoing.expected.key)}-"):
            await self._work(lambda _: shutil.rmtree(folder, ignore_errors=True))

    async def read_back(self, key: str, *, version: str) -> AsyncGenerator[bytes, None]:
        """Yield the file's content.

        Raises:
            StoreLostObject
        """
        if version:
            raise StoreLostObject("a directory keeps no versions", key=key, version=version)
        offset = 0
        while chunk := await self._work(self._read_chunk, key, offset=offset):
            yield chunk
            offset += len(chunk)

    async def write_record(self, key: str, content: bytes) -> None:
        """Write a small file, replacing what is there."""
        await self._work(lambda _: files.write_durably(self._path(key), content))

    async def read_record(self, key: str) -> bytes | None:
        """Return a small file, or None."""

        def read(_: threading.Event) -> bytes | None:
            try:
                return self._path(key).read_bytes()
            except FileNotFoundError:
                return None

        return await self._work(read)

    async def records(self, prefix: str, *, after: str) -> Sequence[str]:
        """Return the keys of the small files right below ``prefix`` and behind ``after``."""

        def names(_: threading.Event) -> Sequence[str]:
            try:
                keys = [prefix + path.name for path in self._path(prefix).iterdir()]
            except FileNotFoundError:
                return []
            return sorted(key for key in keys if key > after)[:_MOST_RECORDS]

        return await self._work(names)

    async def delete_record(self, key: str) -> None:
        """Delete a small file of dockd's own."""
        await self._work(lambda _: self._path(key).unlink(missing_ok=True))

    async def close(self) -> None:
        """Hold nothing open between two calls."""

    # --- in a thread ---------------------------------------------------------------------------

    def _probe(self, stop: threading.Event) -> Probe:
        path = self._root / _UPLOADS / f"probe-{component(self._options.station.encode())[:200]}"
        files.write_durably(path, _PROBE)
        try:
            size_bytes, _ = files.read_past_cache(path, stop=stop)
            direct = files.can_read_directly(path)
        finally:
            path.unlink(missing_ok=True)
        if size_bytes != len(_PROBE):
            return Probe(strength="size", detail="it does not give back what it is given")
        if not self._apart():
            return Probe(strength="size", detail="it is on the spool's own file system")
        how = "directly from the device" if direct else "after dropping the page cache"
        return Probe(strength="digest", detail=f"files are read back {how}")

    def _prepare(self, _: threading.Event, outgoing: Outgoing, *, upload_id: str) -> None:
        folder = self._upload(upload_id)
        files.make_directories(folder)
        self._metadata_of(outgoing)
        with (folder / _CONTENT).open("wb") as file:
            file.truncate(outgoing.expected.size_bytes)
            os.fsync(file.fileno())
        files.sync_directory(folder)

    def _metadata_of(self, outgoing: Outgoing) -> None:
        key = outgoing.expected.key
        path = self._root / _METADATA / f"{clip_id(key)}.json"
        if not path.exists():
            content = json.dumps({"key": key, **outgoing.metadata}, indent=1, sort_keys=True)
            files.write_durably(path, content.encode())

    def _find_upload(self, _: threading.Event, outgoing: Outgoing) -> str | None:
        ours = f"{clip_id(outgoing.expected.key)}-"
        for folder in sorted((self._root / _UPLOADS).glob(f"{ours}*")):
            if (folder / _CONTENT).is_file() and not any(folder.glob("part-*")):
                return folder.name
        return None

    def _arrived_parts(
        self, _: threading.Event, outgoing: Outgoing, *, upload_id: str
    ) -> dict[int, str]:
        folder = self._known_upload(upload_id)
        noted = {
            int(path.name.removeprefix("part-")): path.read_text(encoding="ascii")
            for path in folder.glob("part-*")
            if not path.name.endswith(".new")
        }
        expected = outgoing.expected.part_sha256
        return {i: sha for i, sha in noted.items() if i < len(expected) and sha == expected[i]}

    def _write_part(
        self, stop: threading.Event, outgoing: Outgoing, *, upload_id: str, index: int
    ) -> str:
        folder = self._known_upload(upload_id)
        offset, size_bytes = outgoing.extent(index)
        sha256 = outgoing.expected.part_sha256[index]
        files.copy_range(
            outgoing.content,
            folder / _CONTENT,
            offset=offset,
            size_bytes=size_bytes,
            sha256=sha256,
            stop=stop,
        )
        files.write_durably(folder / f"part-{index}", sha256.encode())
        return sha256

    def _publish(
        self, stop: threading.Event, outgoing: Outgoing, *, upload_id: str, etags: Mapping[int, str]
    ) -> None:
        parts = self._arrived_parts(stop, outgoing, upload_id=upload_id)
        missing = set(range(len(outgoing.expected.part_sha256))) - (parts.keys() & etags.keys())
        if missing:
            raise UploadVanished(f"part {min(missing) + 1} is not there", upload_id=upload_id)
        folder = self._upload(upload_id)
        files.publish(folder / _CONTENT, self._path(outgoing.expected.key))
        shutil.rmtree(folder, ignore_errors=True)

    def _put_whole(self, stop: threading.Event, outgoing: Outgoing) -> None:
        # Named by station and key, so that what a crash left is written over by the next attempt.
        station = component(self._options.station.encode())[:200]
        expected = outgoing.expected
        upload_id = f"whole-{clip_id(expected.key)}-{station}"
        content = self._upload(upload_id) / _CONTENT
        # None of this need be durable before its content is: after a crash it is begun anew.
        content.parent.mkdir(parents=True, exist_ok=True)
        content.write_bytes(b"")
        self._metadata_of(outgoing)
        files.copy_range(
            outgoing.content,
            content,
            offset=0,
            size_bytes=expected.size_bytes,
            sha256=expected.sha256,
            stop=stop,
        )
        files.publish(content, self._path(expected.key))
        shutil.rmtree(content.parent, ignore_errors=True)

    def _read_past_cache(self, stop: threading.Event, key: str) -> tuple[int, str]:
        try:
            return files.read_past_cache(self._path(key), stop=stop)
        except FileNotFoundError as error:
            raise StoreLostObject("the store no longer has the file", key=key) from error

    def _read_chunk(self, _: threading.Event, key: str, *, offset: int) -> bytes:
        try:
            with self._path(key).open("rb", buffering=0) as file:
                return os.pread(file.fileno(), files.CHUNK_BYTES, offset)
        except FileNotFoundError as error:
            raise StoreLostObject("the store no longer has the file", key=key) from error

    # --- what holds for all of them ------------------------------------------------------------

    def _path(self, key: str) -> Path:
        parts = PurePosixPath(key).parts
        if not parts or key.startswith("/") or {".", ".."} & set(key.split("/")):
            raise StoreRejected(f"{key!r} is no key of a file below the store's root")
        return self._root.joinpath(*parts)

    def _upload(self, upload_id: str) -> Path:
        if component(upload_id.encode()) != upload_id:
            raise UploadVanished(f"{upload_id!r} is no upload of this store")
        return self._root / _UPLOADS / upload_id

    def _known_upload(self, upload_id: str) -> Path:
        folder = self._upload(upload_id)
        if not (folder / _CONTENT).is_file():
            raise UploadVanished("the upload's file is not there", upload_id=upload_id)
        return folder

    def _apart(self) -> bool:
        """Return whether losing the spool's disk would leave this store standing."""
        apart = self._root.stat().st_dev != self._options.spool_path.stat().st_dev
        return apart or self._options.allow_same_disk

    def _check_mounted(self) -> None:
        if not (self._root / MARKER).is_file():
            raise StoreUnreachable(
                f"{self._root} has no {MARKER}: the share is not mounted",
                owner="operations",
                next_step=f"Mount the share; on a new one, make the empty file {MARKER} once.",
                path=str(self._root),
            )

    async def _paced(self, outgoing: Outgoing, size_bytes: int) -> None:
        # A share is a link too. A file is written as one whole piece in a thread, so its whole
        # share of the limit is waited for beforehand, in the portions that the limit deals in.
        left_bytes = size_bytes
        while outgoing.pace is not None and left_bytes:
            portion_bytes = min(outgoing.pace.portion_bytes, left_bytes)
            await outgoing.pace.wait(portion_bytes)
            left_bytes -= portion_bytes

    async def _work(
        self,
        work: Callable[Concatenate[threading.Event, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Run blocking work in a thread that stops soon after its caller is cancelled."""
        stop = threading.Event()

        def whole() -> T:
            self._check_mounted()
            return work(stop, *args, **kwargs)

        try:
            return await asyncio.to_thread(whole)
        except PermissionError as error:
            raise StoreRefusedCredentials(
                f"the share refuses: {error}", next_step="Let dockd's user write to the share."
            ) from error
        except OSError as error:
            raise StoreUnreachable(f"the share failed: {error}", errno=error.errno) from error
        finally:
            stop.set()
