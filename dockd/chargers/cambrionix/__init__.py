"""The charger family ``cambrionix``: a hub that is spoken to over its serial port.

Read it as a command goes: `wire` (one command, one answer), `parsing` (what an answer means), `hub`
(switch and read back), `readings` (what is made of it), `charger` (the station's slots). `cuts` and
`giving_back` are for when the daemon dies. The slots' ports: `places`.
"""

from typing import Final

from dockd.chargers.cambrionix.charger import CambrionixCharger
from dockd.chargers.cambrionix.cuts import Cuts
from dockd.chargers.cambrionix.hub import Patience
from dockd.chargers.cambrionix.places import hub_ports
from dockd.chargers.cambrionix.wire import Wire
from dockd.config import Config
from dockd.errors import ConfigInvalid, ConfigProblem
from dockd.ports.equipment import Equipment

_PATIENCE: Final = Patience()


class CambrionixFamily:
    """What the entry point ``dockd.chargers: cambrionix`` stands for."""

    name = "cambrionix"

    def charger(
        self,
        config: Config,
        equipment: Equipment,  # noqa: ARG002 - the family's signature; its tty is its own
        *,
        patience: Patience = _PATIENCE,
    ) -> CambrionixCharger:
        """Return the charger of the configured slots, its tty not yet opened; within a loop.

        Raises:
            ConfigInvalid: no device is named.
        """
        device = config.power.device
        if device is None:
            raise ConfigInvalid(
                [
                    ConfigProblem(
                        key_path="power.device",
                        reason="is missing, and a cambrionix hub has no other address",
                        would_be_right='the hub\'s tty, as "/dev/serial/by-id/usb-cambrionix_..."',
                    )
                ]
            )
        cuts = Cuts(
            file=Cuts.beside(config.http.socket.parent),
            device=str(device),
            most_on=int(config.power.budget_w // config.power.camera_w),
        )
        wire = Wire(device, answer_within_s=patience.answer_s)
        return CambrionixCharger(wire, ports=hub_ports(config), cuts=cuts, patience=patience)


def family() -> CambrionixFamily:
    """Return the family; named in pyproject.toml."""
    return CambrionixFamily()


__all__ = ["CambrionixCharger", "CambrionixFamily", "family"]
