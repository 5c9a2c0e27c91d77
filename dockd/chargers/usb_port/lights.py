"""A slot's light as an LED of the kernel's: ``/sys/class/leds/dockd:<slot>``.

Whoever wires LEDs to the box names them so in its device tree or its driver's configuration; a
slot that has none stays dark. Lit means ``take``, blinking ``report``, and dark anything else.
Source: Documentation/leds/leds-class.rst and ledtrig-timer (``trigger``, ``brightness``).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from dockd.core.port_power import Light

LEDS: Final = Path("/sys/class/leds")
_SHOWN: Final[Mapping[Light, tuple[str, bool]]] = {
    Light.EMPTY: ("none", False),
    Light.LEAVE: ("none", False),
    Light.TAKE: ("none", True),
    # The kernel blinks by itself, also while dockd is busy or gone.
    Light.REPORT: ("timer", True),
}


class SlotLights:
    """The LEDs of a box that has them; what is shown already is not written again."""

    def __init__(self, leds: Path = LEDS) -> None:
        """Nothing is lit yet."""
        self._leds: Final = leds
        self._shown: dict[str, Light] = {}

    def show(self, slot: str, light: Light) -> bool:
        """Show ``light`` on a slot's LED; return whether it has one that can be written. Blocks."""
        if self._shown.get(slot) is light:
            return True
        led = self._leds / f"dockd:{slot}"
        # A slot's name is configuration, and still never a way out of the folder of LEDs.
        if led.parent != self._leds or not led.is_dir():
            return False
        trigger, lit = _SHOWN[light]
        try:
            (led / "trigger").write_text(trigger)
            if trigger == "none":
                brightest = (led / "max_brightness").read_text().strip() if lit else "0"
                (led / "brightness").write_text(brightest)
        except OSError:
            return False
        self._shown[slot] = light
        return True
