"""What the officer sees: a slot's three LEDs, by what they should do.

Row 1 is the "charged" LED, row 2 "charging", row 3 "sync"; their colours are the model's. A
pattern's eight bits are shown one after the other, over and over.
Source: Cambrionix, Command Line Interface User Manual (2023): LED control, ledb.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from dockd.core.port_power import Light

OFF: Final = "00000000b"
ON: Final = "11111111b"
SLOW: Final = "11110000b"
FAST: Final = "10101010b"

ROWS: Final[Mapping[Light, Sequence[str]]] = {
    Light.EMPTY: (OFF, OFF, OFF),
    # Being read or charged: leave it in.
    Light.LEAVE: (OFF, SLOW, OFF),
    Light.TAKE: (ON, OFF, OFF),
    # Nobody walks past all three flashing together.
    Light.REPORT: (FAST, FAST, FAST),
}
