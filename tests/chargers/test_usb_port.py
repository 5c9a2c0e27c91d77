"""Promises of the drivers ``usb-port`` and ``none``."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import pytest
import pytest_asyncio

from dockd.chargers.none import NoCharger
from dockd.chargers.usb_port import SlotLights, UsbPortCharger
from dockd.chargers.usb_port.charger import GONE_WITHIN_S
from dockd.core.port_power import CutKind, Light, PortMode
from dockd.errors import HelperRefused
from dockd.ports.charger import Charger
from dockd.ports.helper import Helper
from tests.conformance.chargers import ChargerConformance
from tests.fakes.port_helper import PortHelper

SLOTS = ("A1", "A2")


class UsbPorts:
    """A ``usb-port`` charger on a helper that the test has in its hand."""

    def __init__(self, folder: Path) -> None:
        self.helper = PortHelper(SLOTS)
        self.leds = folder / "leds"
        self.now_s = 0.0
        self.charger = UsbPortCharger(
            SLOTS,
            helper=cast("Helper", self.helper),
            lights=SlotLights(self.leds),
            now_s=lambda: self.now_s,
        )

    def stick(self, slot: str) -> None:
        self.helper.stuck.add(slot)

    def vanish(self) -> None:
        self.helper.is_away = True

    def come_back(self) -> None:
        self.helper.is_away = False

    def led(self, slot: str) -> Path:
        led = self.leds / f"dockd:{slot}"
        led.mkdir(parents=True)
        (led / "trigger").write_text("none")
        (led / "max_brightness").write_text("255\n")
        (led / "brightness").write_text("0")
        return led


class NoPorts:
    """No charger at all."""

    charger: Charger = NoCharger(SLOTS)

    def stick(self, slot: str) -> None:
        del slot

    def vanish(self) -> None:
        return

    def come_back(self) -> None:
        return


class TestUsbPort(ChargerConformance):
    """`usb-port` keeps them all."""

    @pytest_asyncio.fixture
    async def ports(self, tmp_path: Path) -> AsyncIterator[UsbPorts]:
        ports = UsbPorts(tmp_path)
        yield ports
        await ports.charger.close()

    async def test_a_lying_port_is_found_by_its_device(self, ports: UsbPorts) -> None:
        """A port that says off, with its camera still there after a while, did not switch."""
        ports.helper.lying.add("A1")
        await ports.charger.switch("A1", PortMode.OFF, kind=CutKind.HOLD, lease_s=60)
        assert not (await ports.charger.read()).troubles
        ports.now_s += GONE_WITHIN_S
        (trouble,) = (await ports.charger.read()).troubles
        assert (trouble.slot, trouble.slug) == ("A1", "port-not-switchable")
        await ports.charger.switch("A1", PortMode.SYNC, kind=CutKind.HOLD, lease_s=0)
        assert not (await ports.charger.read()).troubles

    async def test_a_refusal_is_passed_on_in_its_own_words(self, ports: UsbPorts) -> None:
        """That the helper will not cut a writable camera does not make its port a broken one."""
        ports.helper.kept.add("A1")
        with pytest.raises(HelperRefused, match="writable"):
            await ports.charger.switch("A1", PortMode.OFF, kind=CutKind.BUDGET, lease_s=60)

    async def test_lights_are_the_boxes_leds(self, ports: UsbPorts) -> None:
        """Lit is take, blinking is report, dark is anything else; a slot's name leads nowhere."""
        led = ports.led("A1")
        shown = {}
        for light in Light:
            await ports.charger.light("A1", light)
            shown[light] = ((led / "trigger").read_text(), (led / "brightness").read_text())
        assert shown[Light.TAKE] == ("none", "255")
        assert shown[Light.REPORT][0] == "timer"
        assert shown[Light.EMPTY] == ("none", "0")
        await ports.charger.light("../../A1", Light.TAKE)


class TestNone(ChargerConformance):
    """`none` keeps them all."""

    @pytest.fixture
    def ports(self) -> NoPorts:
        return NoPorts()
