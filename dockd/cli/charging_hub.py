"""What `dockd doctor` says of a charging hub on a serial port."""

from collections.abc import Iterator

from dockd.chargers.cambrionix.places import hub_ports
from dockd.config import Config


def charging_hub(config: Config) -> Iterator[tuple[bool, str, str]]:
    """Yield whether it is well, what was found and what to do; the daemon has the tty itself."""
    device = config.power.device
    yield (
        device is not None and device.is_char_device(),
        f"the charging hub's serial port is {device}",
        "Plug the hub in, and name its link below /dev/serial/by-id as power.device.",
    )
    places = [f"{slot} = {port}" for slot, port in hub_ports(config).items()]
    # Whether that is how it is wired can only be seen at the rack (docs/charging-hub.md).
    yield (
        bool(places),
        f"slots by the hub's port, in the order of [[slots]]: {', '.join(places) or 'none'}",
        "Add a [[slots]] table for each port of the hub.",
    )
