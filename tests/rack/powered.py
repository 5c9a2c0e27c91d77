"""A station that switches the power of its slots, on the hub's real ports: saved once."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.rack.image import hash_of, kept
from tests.rack.rack import CONFIG, READY_S, SERVICE, Rack, slot_tables
from tests.rack.saved import Saved, fitting
from tests.rack.station import TEMPLATE, going_on, running_station, save, station_guest

# Ports come on one after another: the fewer, the sooner all of them have power again.
SLOTS = (1, 2, 3, 4)
POWER = "/etc/dockd/dockd.d/power.toml"
FOR_ALL_W, FOR_TWO_W = 90, 15
_START_S = 120.0


def power_toml(*, budget_w: int) -> str:
    """Write the configuration's table of what powers the slots."""
    return f'[power]\ndriver = "usb-port"\nbudget_w = {budget_w}\ncamera_w = 7.5\n'


def set_budget(station: Rack, *, budget_w: int) -> None:
    """Give a running station another budget, as an admin does: an edit and a reload."""
    station.agent.write(POWER, power_toml(budget_w=budget_w))
    station.agent.run("systemctl", "reload", SERVICE, timeout_s=_START_S)


def powered_guest(package: Path) -> Saved:
    """Return a station with four slots that it switches, with power for all of them."""
    plain = station_guest(package)
    key = fitting(plain.folder.name, hash_of(Path(__file__)))
    with kept("powered", key=key) as (folder, is_new):
        if is_new:
            with going_on(plain, folder) as rack:
                rack.agent.write(POWER, power_toml(budget_w=FOR_ALL_W))
                rack.agent.write(CONFIG, TEMPLATE.read_text() + slot_tables(rack.dock, SLOTS))
                rack.agent.run("systemctl", "restart", SERVICE, timeout_s=_START_S)
                rack.until_ready()
                rack.until(
                    lambda: rack.get("/v1/status")["power"]["driver"] == "usb-port",
                    "the slots to be powered by the station",
                    timeout_s=READY_S,
                )
                save(rack, Saved(plain.image, folder))
    return Saved(plain.image, folder)


@contextmanager
def powered_station(package: Path, folder: Path) -> Iterator[Rack]:
    """Run such a station, and an empty store beside it."""
    with running_station(package, folder, guest=powered_guest) as rack:
        yield rack
