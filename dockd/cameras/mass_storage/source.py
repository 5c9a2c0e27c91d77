"""The slots of USB cameras, watched: udev rings, the helper and the kernel say what is there."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from typing import Final

from dockd.cameras.mass_storage.camera import Bay, MassStorageCamera
from dockd.cameras.mass_storage.judging import FAMILY, Judge
from dockd.cameras.pacing import Pacer
from dockd.cameras.stays import Stays
from dockd.errors import CameraGone, DockdError, SlotSettling
from dockd.ports.camera import News, Outlook, Sighting
from dockd.ports.helper import Helper, Mounted
from dockd.ports.usb import UsbBus

SWEEP_S: Final = 30.0
_ASK_AGAIN_S: Final = 5.0
_SETTLING_S: Final = 0.25
_SETTLED_AFTER: Final = 80
_WITHOUT_UDEV_AFTER: Final = 60

Tell = Callable[[News | Exception], None]


class UsbRack:
    """Implements ``dockd.ports.camera.CameraSource`` for disks on USB ports.

    ``sweep_s`` is how often it looks though nothing rang, in seconds.
    """

    def __init__(
        self,
        judge: Judge,
        *,
        bus: UsbBus,
        helper: Helper,
        sweep_s: float = SWEEP_S,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Nothing is watched yet."""
        self._judge: Final = judge
        self._bus: Final = bus
        self._helper: Final = helper
        self._sweep_s: Final = sweep_s
        self._sleep: Final = sleep
        self._sight = _Sight()

    async def sightings(self) -> AsyncIterator[News]:
        """Yield every change of every slot, beginning with what is docked now.

        Raises:
            Exception: the thread that looks made a mistake.
        """
        loop = asyncio.get_running_loop()
        seen: asyncio.Queue[News | Exception] = asyncio.Queue()
        # Whoever begins to watch anew has seen nothing: every camera is a new arrival. A thread
        # that still looks for the one before has a sight of its own.
        sight = self._sight = _Sight()

        def tell(news: News | Exception) -> None:
            # A loop that closed meanwhile has nobody left who would want to know.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(seen.put_nowait, news)

        watch = _Watch(lambda: self._look(sight), sweep_s=self._sweep_s, tell=tell)
        # Listen first, look second.
        with self._bus.listening(watch.ring):
            watch.start()
            try:
                while True:
                    news = await seen.get()
                    if isinstance(news, Exception):
                        raise news
                    yield news
            finally:
                watch.stop()

    def _look(self, sight: "_Sight") -> list[News]:
        """Look at every slot once and return what is new. Blocks."""
        devices = self._bus.devices()
        view = self._judge.view(devices, self._helper.slots())
        sight.bays = view.bays
        return list(sight.stays.changes(view.contents, left=()))

    def open(self, sighting: Sighting) -> MassStorageCamera:
        """Return the camera of a sighting: authorised, mounted, and still the one that was seen.

        Raises:
            CameraGone: it left meanwhile, or another is in its place.
            HelperUnreachable, HelperRefused, SlotSettling
        """
        bay = self._sight.bays.get(sighting.slot)
        if (
            bay is None
            or not self._is_seen(sighting)
            or not sighting.token.startswith(f"{bay.device.entry}:")
        ):
            raise CameraGone(f"the camera seen in {sighting.slot} has left", slot=sighting.slot)
        authorised = self._helper.authorise(bay.slot)
        if (authorised.device, authorised.serial) != (bay.device.name, bay.serial):
            raise CameraGone(f"another device is in slot {bay.slot}", slot=bay.slot)
        return MassStorageCamera(
            bay,
            self._mounted(bay, sighting),
            bus=self._bus,
            helper=self._helper,
            pacer=Pacer(0),
            has_left=lambda: not self._is_seen(sighting),
            sleep=self._sleep,
        )

    def _is_seen(self, sighting: Sighting) -> bool:
        return self._sight.stays.lasts(sighting.slot, token=sighting.token)

    def _mounted(self, bay: Bay, sighting: Sighting) -> Mounted:
        """Return the mount, once the device's disk has appeared and udev is done with it.

        A few seconds may pass. A udev without our rules says nothing of it, for which nobody waits.
        """
        attempt = 0
        while True:
            attempt += 1
            if attempt >= _WITHOUT_UDEV_AFTER or self._bus.is_settled(bay.device):
                try:
                    return self._helper.mount(bay.slot)
                except SlotSettling:
                    if attempt == _SETTLED_AFTER:
                        raise
            if not self._is_seen(sighting) or not self._bus.is_there(bay.device):
                raise CameraGone(f"the camera seen in {bay.slot} has left", slot=bay.slot)
            self._sleep(_SETTLING_S)


class _Sight:
    """What one watch has seen."""

    def __init__(self) -> None:
        self.stays: Final = Stays(FAMILY)
        self.bays: Mapping[str, Bay] = {}


class _Watch(threading.Thread):
    """Looks whenever it is rung for, and every ``sweep_s`` seconds: events may be lost.

    A thread of its own: the kernel holds readers up while it resets a device.
    """

    def __init__(self, look: Callable[[], list[News]], *, sweep_s: float, tell: Tell) -> None:
        super().__init__(name="usb rack", daemon=True)
        self._look: Final = look
        self._sweep_s: Final = sweep_s
        self._tell: Final = tell
        self._rung: Final = threading.Event()
        self._stopping: Final = threading.Event()
        self._trouble: str | None = None

    def ring(self) -> None:
        """Have it look soon."""
        self._rung.set()

    def stop(self) -> None:
        """End the thread soon; it is not waited for."""
        self._stopping.set()
        self._rung.set()

    def run(self) -> None:
        """Look, tell, wait; until stopped, or until it fails, which is told as well."""
        try:
            while not self._stopping.is_set():
                # Cleared before the look: a bell during it is answered by another one.
                self._rung.clear()
                self._rung.wait(self._sweep_s if self._take_in() else _ASK_AGAIN_S)
        except Exception as error:  # noqa: BLE001 - a thread has nobody to raise to
            self._tell(error)

    def _take_in(self) -> bool:
        """Look once and tell what changed; return whether anything could be seen."""
        try:
            news = self._look()
        except DockdError as error:
            if self._trouble != str(error):
                self._tell(Outlook(family=FAMILY, error=error))
            self._trouble = str(error)
            return False
        if self._trouble is not None:
            self._tell(Outlook(family=FAMILY, error=None))
            self._trouble = None
        if not self._stopping.is_set():
            for change in news:
                self._tell(change)
        return True
