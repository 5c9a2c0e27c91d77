"""The rack: a folder whose subfolders are slots, watched for cameras that come and go.

The kernel's own word (inotify) makes an arrival quick and shows an absence that is shorter than
a look; looking every ``poll_s`` seconds finds what it does not tell, as on a network share.
"""

import asyncio
import os
import select
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from dockd.cameras.directory import slots
from dockd.cameras.directory.camera import DirectoryCamera
from dockd.cameras.inotify import Watcher
from dockd.cameras.pacing import Pacer
from dockd.cameras.stays import Stays
from dockd.errors import CameraGone
from dockd.ports.camera import News, Sighting

FAMILY: Final = "directory"
SWEEP_S: Final = 5.0
"""How long a rack of which the kernel tells everything is left alone: a mount is no such thing."""
_BYTES_OF_MB: Final = 1_000_000


class DirectoryRack:
    """Implements ``dockd.ports.camera.CameraSource`` for RACK/SLOT/SERIAL/.

    ``limit_mb_s`` (10^6 bytes a second; 0 is none) is what each camera is read at.
    """

    def __init__(self, path: Path, *, poll_s: float = 0.25, limit_mb_s: float = 0) -> None:
        self._path: Final = path
        self._poll_s: Final = poll_s
        self._limit_bytes_s: Final = limit_mb_s * _BYTES_OF_MB
        self._stays = Stays(FAMILY)

    async def sightings(self) -> AsyncIterator[News]:
        """Yield every change of every slot, beginning with what is docked now.

        Raises:
            OSError: the kernel has nothing left to watch with, or the rack's thread failed.
        """
        loop = asyncio.get_running_loop()
        seen: asyncio.Queue[News | Exception] = asyncio.Queue()
        # Whoever begins to watch anew has seen nothing: every camera is a new arrival. A thread
        # that still looks for the watch before must not take that away from it.
        stays = self._stays = Stays(FAMILY)

        def tell(change: News | Exception) -> None:
            # A loop that closed meanwhile has nobody left who would want to know.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(seen.put_nowait, change)

        watch = _Watch(self._path, poll_s=self._poll_s, stays=stays, tell=tell)
        watch.start()
        try:
            while True:
                change = await seen.get()
                if isinstance(change, Exception):
                    raise change
                yield change
        finally:
            watch.stop()

    def open(self, sighting: Sighting) -> DirectoryCamera:
        """Return the camera of a sighting.

        Raises:
            CameraGone: it left meanwhile, or another is in its place.
        """
        if sighting.serial is None or not self._stays.lasts(sighting.slot, token=sighting.token):
            raise CameraGone(f"the camera seen in {sighting.slot} has left", slot=sighting.slot)
        camera = DirectoryCamera(
            self._path / sighting.slot / sighting.serial,
            slot=sighting.slot,
            pacer=Pacer(self._limit_bytes_s),
            has_left=lambda: not self._stays.lasts(sighting.slot, token=sighting.token),
        )
        if not sighting.token.startswith(f"{slots.place(*camera.identity)}:"):
            camera.close()
            raise CameraGone(f"another directory is in slot {sighting.slot}", slot=sighting.slot)
        return camera


class _Watch(threading.Thread):
    """Looks at the rack whenever the kernel says so, and every ``poll_s`` seconds.

    Where the kernel says everything, a look in ``SWEEP_S`` is enough: four in a second would be all
    that an idle station does.

    A thread of its own: a share that hangs must hold up neither the event loop nor a shutdown.
    """

    def __init__(
        self,
        rack: Path,
        *,
        poll_s: float,
        stays: Stays,
        tell: Callable[[News | Exception], None],
    ) -> None:
        super().__init__(name="rack", daemon=True)
        self._rack: Final = rack
        self._poll_s: Final = poll_s
        self._stays: Final = stays
        self._tell: Final = tell
        self._stopping: Final = threading.Event()
        self._wake: Final = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

    def stop(self) -> None:
        """End the thread soon; it is not waited for."""
        self._stopping.set()
        # Closed already when the thread ended first.
        with suppress(OSError):
            os.eventfd_write(self._wake, 1)

    def run(self) -> None:
        """Look, tell, wait; until stopped, or until it fails, which is told as well."""
        try:
            self._watch()
        except Exception as error:  # noqa: BLE001 - a thread has nobody to raise to
            self._tell(error)

    def _watch(self) -> None:
        watcher = Watcher()
        poll = select.poll()
        poll.register(watcher.descriptor, select.POLLIN)
        poll.register(self._wake, select.POLLIN)
        try:
            while not self._stopping.is_set():
                told = self._take_in(watcher)
                poll.poll(1000 * (max(self._poll_s, SWEEP_S) if told else self._poll_s))
        finally:
            watcher.close()
            os.close(self._wake)

    def _take_in(self, watcher: Watcher) -> bool:
        """Look once and tell what changed; return whether the kernel will say what does next."""
        left = self._left(watcher)
        # Watch first, look second: what comes in between is seen twice, never missed.
        watcher.watch(self._rack)
        contents = slots.look(self._rack)
        if [slot for slot in contents if watcher.watch(self._rack / slot)]:
            contents = slots.look(self._rack)
        for news in self._stays.changes(contents, left=left):
            self._tell(news)
        return all(watcher.tells_all(self._rack / slot) for slot in ("", *contents))

    def _left(self, watcher: Watcher) -> set[tuple[str, str]]:
        """Return the slot and serial of every camera that left since the last look."""
        left = set()
        for change in watcher.changes():
            if change.left and change.folder == self._rack:
                # The whole slot went; what is called so now is another folder.
                watcher.forget(self._rack / change.name)
            elif change.left and change.folder is not None:
                left.add((change.folder.name, change.name))
            elif change.left:
                # The kernel lost count: any camera may have been away and come back.
                left |= self._stays.docked()
        return left
