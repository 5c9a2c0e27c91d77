"""A charger on an emulated hub, for the length of a test."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from dockd.chargers.cambrionix import CambrionixCharger, CambrionixFamily
from dockd.chargers.cambrionix.hub import Patience
from dockd.config import Config
from dockd.config.models import HttpConfig, PowerConfig, SlotConfig
from dockd.core.port_power import CutKind, PortMode
from dockd.ports.equipment import Equipment
from dockd.station.helper_client import HelperClient
from dockd.station.udev import UdevBus
from tests.cameras.usb_parts import Lines
from tests.fakes.usb_bus import Bell, FakeBus
from tests.hubs.cambrionix import Hub
from tests.hubs.serving import PtyLine, on_pty

SHORT = Patience(answer_s=0.5, look_again_s=0.01, reboot_s=5.0)


@dataclass(kw_only=True)
class Scene:
    """The parts, and where the daemon's folder is."""

    hub: Hub
    line: PtyLine
    charger: CambrionixCharger
    folder: Path
    again: Callable[[], CambrionixCharger]

    async def cut(self, slot: str, *, kind: CutKind = CutKind.BUDGET, lease_s: int = 60) -> None:
        await self.charger.switch(slot, PortMode.OFF, kind=kind, lease_s=lease_s)

    async def power(self, slot: str, *, kind: CutKind = CutKind.BUDGET) -> None:
        await self.charger.switch(slot, PortMode.SYNC, kind=kind, lease_s=60)

    async def slugs(self) -> list[tuple[str, str]]:
        return [(trouble.slot, trouble.slug) for trouble in (await self.charger.read()).troubles]


@asynccontextmanager
async def scene(
    folder: Path, hub: Hub, *, slots: int = 3, budget_w: float = 90
) -> AsyncIterator[Scene]:
    """Put a hub behind a pty, and give the charger of a station that runs in ``folder``."""
    config = Config(
        slots=tuple(SlotConfig(name=f"A{number}") for number in range(1, slots + 1)),
        power=PowerConfig(driver="cambrionix", device=folder / "hub", budget_w=budget_w),
        http=HttpConfig(socket=folder / "api.sock"),
    )
    journal = Lines()
    bus = FakeBus(folder / "sysfs")
    usb = UdevBus(journal=journal, root=bus.root, open_monitor=Bell().open)
    equipment = Equipment(usb=usb, helper=HelperClient(folder / "helper.sock"))

    def charger() -> CambrionixCharger:
        return CambrionixFamily().charger(config, equipment, patience=SHORT)

    async with on_pty(hub, folder / "hub") as line:
        built = Scene(hub=hub, line=line, charger=charger(), folder=folder, again=charger)
        try:
            yield built
        finally:
            await built.charger.close()
