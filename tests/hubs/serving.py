"""An emulated hub behind a pty, or behind a Unix socket as QEMU's chardev wants it."""

import asyncio
import contextlib
import os
import pty
import tty
from collections.abc import AsyncIterator
from pathlib import Path

from tests.hubs.cambrionix import Hub, Reply


class PtyLine:
    """The hub's end of a serial line; ``path`` stays the same link when it comes back."""

    def __init__(self, hub: Hub, path: Path) -> None:
        self.hub = hub
        self.path = path
        self._master = -1
        self._slave = -1
        self._deaf_until_s = 0.0
        self._slow_until_s = 0.0
        self.plug_in()

    def plug_in(self) -> None:
        """Appear, as a new device of the kernel below the old link."""
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.path.unlink(missing_ok=True)
        self.path.symlink_to(os.ttyname(self._slave))
        asyncio.get_running_loop().add_reader(self._master, self._read)

    def yank(self) -> None:
        """Disappear, whoever has it open."""
        if self._master < 0:
            return
        asyncio.get_running_loop().remove_reader(self._master)
        os.close(self._slave)
        os.close(self._master)
        self._master = self._slave = -1
        self.path.unlink(missing_ok=True)

    def _read(self) -> None:
        data = os.read(self._master, 4096)
        for reply in self.hub.feed(data):
            self._send(reply)

    def _send(self, reply: Reply) -> None:
        loop = asyncio.get_running_loop()
        if reply.vanishes:
            self.yank()
        elif loop.time() < self._deaf_until_s:
            return
        elif reply.silent_s:
            self._deaf_until_s = loop.time() + reply.silent_s
        elif reply.after_s or loop.time() < self._slow_until_s:
            # Answers keep their order: what comes after a slow one is late as well.
            self._slow_until_s = max(loop.time(), self._slow_until_s) + reply.after_s
            loop.call_at(self._slow_until_s, self._write, reply.data)
        else:
            self._write(reply.data)

    def _write(self, data: bytes) -> None:
        if self._master >= 0 and data:
            os.write(self._master, data)


@contextlib.asynccontextmanager
async def on_pty(hub: Hub, path: Path) -> AsyncIterator[PtyLine]:
    """Let a hub answer behind ``path`` for the length of a block."""
    line = PtyLine(hub, path)
    try:
        yield line
    finally:
        line.yank()


async def serve_socket(hub: Hub, path: Path) -> None:
    """Answer on a Unix socket until cancelled; QEMU connects to it."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(4096):
                for reply in hub.feed(data):
                    await asyncio.sleep(reply.after_s or reply.silent_s)
                    writer.write(reply.data)
                    await writer.drain()
        finally:
            writer.close()

    server = await asyncio.start_unix_server(talk, path)
    async with server:
        await server.serve_forever()
