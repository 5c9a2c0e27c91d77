"""An emulated hub by hand: python -m tests.hubs (--pty LINK | --unix SOCKET) [--pdsync]."""

import argparse
import asyncio
from pathlib import Path

from tests.hubs.cambrionix import Hub
from tests.hubs.serving import on_pty, serve_socket


async def _serve(arguments: argparse.Namespace) -> None:
    hub = Hub(kind="pdsync" if arguments.pdsync else "universal", ports=arguments.ports)
    if arguments.unix:
        await serve_socket(hub, arguments.unix)
    async with on_pty(hub, arguments.pty):
        await asyncio.Event().wait()


def main() -> None:
    """Emulate until interrupted."""
    parser = argparse.ArgumentParser(description="an emulated Cambrionix hub")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--pty", type=Path, help="a link to make to the hub's tty")
    where.add_argument("--unix", type=Path, help="a Unix socket, for QEMU's usb-serial")
    parser.add_argument("--pdsync", action="store_true", help="be a PDSync hub")
    parser.add_argument("--ports", type=int, default=8)
    asyncio.run(_serve(parser.parse_args()))


if __name__ == "__main__":
    main()
