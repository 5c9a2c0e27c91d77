"""The S3 store on a link that is slow, or that dies: `python -m tests.stores.bad_link SCENE`.

It wants `unshare --net` before it. The link is the loopback of a network namespace of its own,
shaped by the kernel's tbf and cut by its blackhole queue, which swallows every packet without a
word. With `--patient` the deadlines are the daemon's own, for figures; without, much shorter ones.
Prints what came of it as JSON.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final

from dockd.errors import StoreUnreachable
from dockd.station.clock import SystemClock
from dockd.stores.http.endpoint import Patience
from dockd.stores.retrying import RetryingStore
from dockd.stores.s3 import S3Options, S3Store
from tests.fakes.broken_s3 import Answer, BrokenS3, Heard, Reset, Silence, broken_s3
from tests.fakes.clip_content import content_of, sending
from tests.fakes.still_clock import StillClock

# Room for all of it: what is lost is sent again only after a silence that grows.
SLOW: Final = "tbf rate 200kbit burst 3000 limit 500000"
STREAMS: Final = 8
_HURRIED: Final = Patience(connect_s=3.0, progress_s=4.0, why_s=1.0)
_KEPT: Final = Answer(200, b"", {"ETag": '"e"'})


class Scene:
    """A store behind the link, and dockd's client of it, retries included."""

    def __init__(self, folder: Path, *, patience: Patience) -> None:
        self._folder = folder
        self._patience = patience
        self.small_bytes = 32 * 1024
        self.asked = asyncio.Event()

    async def slow(self) -> Mapping[str, Any]:
        """Send several small clips at once, of which each has 3 kB/s for itself.

        In all they take twice as long as nothing may move.
        """
        shape(SLOW)

        async def put(store: RetryingStore, seed: int) -> None:
            with sending(content_of(self.small_bytes, seed=seed)) as outgoing:
                await store.put_whole(outgoing)

        async with broken_s3(lambda _: _KEPT, clock=StillClock()) as server:
            store = self._store(server)
            ends = await asyncio.gather(
                *(put(store, seed) for seed in range(STREAMS)), return_exceptions=True
            )
            await store.close()
        return {"failed": [str(end) for end in ends if end is not None]}

    async def dead(self) -> Mapping[str, Any]:
        """Lose the link in the middle of a body."""
        shape("tbf rate 20mbit burst 30000 limit 500000")

        async def put(store: RetryingStore) -> None:
            with sending(content_of(8 * 1024 * 1024)) as outgoing:
                await store.put_whole(outgoing)

        return await self._cut(put, at=self._soon)

    async def half_open(self) -> Mapping[str, Any]:
        """Lose the link while the store makes an object, which may take ten minutes."""

        async def complete(store: RetryingStore) -> None:
            with sending(content_of(1)) as outgoing:
                await store.complete(outgoing, upload_id="u1", etags={0: "e"})

        return await self._cut(complete, at=self.asked.wait)

    async def _cut(
        self,
        work: Callable[[RetryingStore], Awaitable[None]],
        *,
        at: Callable[[], Awaitable[object]],
    ) -> Mapping[str, Any]:
        """Cut the link at a moment of some work, and say how that ended and after how long."""
        cut_s = 0.0

        async def cut() -> None:
            nonlocal cut_s
            await at()
            shape("blackhole")
            cut_s = time.monotonic()

        async with broken_s3(self._hear, clock=StillClock()) as server:
            store = self._store(server)
            async with asyncio.TaskGroup() as group:
                group.create_task(cut())
                try:
                    await work(store)
                except StoreUnreachable as error:
                    noticed_s = time.monotonic() - cut_s
                    return {"noticed_s": round(noticed_s, 1), "said": error.reason}
        return {"noticed_s": None, "said": ""}

    def _hear(self, heard: Heard) -> Answer | Reset | Silence:
        self.asked.set()
        return Silence() if heard.about == "complete" else _KEPT

    async def _soon(self) -> None:
        await self.asked.wait()
        # Some of the body is on its way by now, and most of it is not.
        await asyncio.sleep(0.5)

    def _store(self, server: BrokenS3) -> RetryingStore:
        credentials = self._folder / "credentials"
        credentials.write_text("[default]\naws_access_key_id=a\naws_secret_access_key=b\n")
        options = S3Options(
            name="central",
            endpoint=server.endpoint,
            bucket="footage",
            station="test-01",
            credentials=credentials,
            patience=self._patience,
        )
        clock = SystemClock()
        return RetryingStore(S3Store(options, clock=clock), clock=clock)


def shape(queue: str) -> None:
    """Put another queue before the link."""
    subprocess.run(["tc", "qdisc", "replace", "dev", "lo", "root", *queue.split()], check=True)


def main() -> int:
    """Play one scene."""
    parser = argparse.ArgumentParser()
    parser.add_argument("scene", choices=["slow", "dead", "half_open"])
    parser.add_argument("--patient", action="store_true")
    asked = parser.parse_args()
    if Path("/proc/self/ns/net").readlink() == Path(f"/proc/{os.getppid()}/ns/net").readlink():
        parser.error("run it under `unshare --net`: it shapes the loopback")
    # As small as a real link's: the queues count packets, and one of 64 KiB never passes.
    subprocess.run(["ip", "link", "set", "lo", "mtu", "1500", "up"], check=True)
    with tempfile.TemporaryDirectory() as folder:
        scene = Scene(Path(folder), patience=Patience() if asked.patient else _HURRIED)
        if asked.patient:
            scene.small_bytes = 256 * 1024
        sys.stdout.write(json.dumps(asyncio.run(getattr(scene, asked.scene)())) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
