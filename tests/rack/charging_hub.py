"""An emulated charging hub on a USB serial adapter of the rack: QEMU's `usb-serial` on a socket."""

import asyncio
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.hubs.cambrionix import Hub
from tests.hubs.serving import serve_socket
from tests.rack.machine import Machine
from tests.rack.waiting import wait_until

NODE = "/dev/ttyUSB0"
_PLACE = "3"
_SEEN_S = 60.0


class ChargingHub:
    """The hub, and the hands at its cable."""

    def __init__(self, machine: Machine, hub: Hub, socket: Path) -> None:
        self.hub = hub
        self._machine = machine
        address = {"type": "unix", "data": {"path": str(socket)}}
        backend = {"type": "socket", "data": {"addr": address, "server": False}}
        machine.monitor.do("chardev-add", id="hubline", backend=backend)

    def plug_in(self) -> None:
        """Put its cable in, and wait for its tty."""
        self._machine.monitor.do(
            "device_add",
            driver="usb-serial",
            id="hubtty",
            bus="xhci.0",
            port=_PLACE,
            chardev="hubline",
            serial="CBRX0001",
        )

    def yank(self) -> None:
        """Pull its cable."""
        self._machine.monitor.do("device_del", id="hubtty")

    def until_seen(self, *, seen: bool) -> None:
        """Wait until the guest has its tty, or has it no more."""
        wait_until(
            lambda: self._machine.agent.exists(NODE) is seen,
            what=f"{NODE} to be {'there' if seen else 'gone'}",
            timeout_s=_SEEN_S,
        )

    def mode(self, port: int) -> str:
        """Return what a port really is, by the hub itself."""
        return self.hub.ports[port].mode


@contextmanager
def charging_hub(machine: Machine) -> Iterator[ChargingHub]:
    """Have an emulated hub answer for the length of a block, its cable not yet plugged in."""
    hub = Hub(ports=8)
    loop = asyncio.new_event_loop()
    with tempfile.TemporaryDirectory(prefix="hub-") as folder:
        socket = Path(folder) / "line"
        serving = loop.create_task(serve_socket(hub, socket))

        def run() -> None:
            with suppress(asyncio.CancelledError):
                loop.run_until_complete(serving)
            # QEMU's connection ends with the guest, after this.
            talks = asyncio.all_tasks(loop)
            for talk in talks:
                talk.cancel()
            loop.run_until_complete(asyncio.gather(*talks, return_exceptions=True))

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        try:
            wait_until(socket.exists, what="the hub's socket", timeout_s=_SEEN_S)
            yield ChargingHub(machine, hub, socket)
        finally:
            loop.call_soon_threadsafe(serving.cancel)
            thread.join()
            loop.close()
