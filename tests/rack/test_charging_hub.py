"""Promises of a charging hub on a real tty: the installed daemon, its drop-in, QEMU's FTDI."""

from collections.abc import Iterator

import pytest

from tests.rack.charging_hub import NODE, ChargingHub, charging_hub
from tests.rack.rack import SERVICE, Rack

START_S = 120.0
POWER = "/etc/dockd/dockd.d/power.toml"
DROP_INS = f"/etc/systemd/system/{SERVICE}.d"
EXAMPLE = "/usr/share/doc/dockd/examples/serial-hub.conf"
# Power for five of the hub's eight ports.
BUDGET_W, ON = 37.5, 5


@pytest.fixture
def hub(station: Rack) -> Iterator[ChargingHub]:
    """Give a station whose slots an emulated hub powers, set up as its documentation says."""
    with charging_hub(station.machine) as it:
        for port in it.hub.ports.values():
            port.attached = False
        it.plug_in()
        station.agent.write(
            POWER,
            f'[power]\ndriver = "cambrionix"\ndevice = "{NODE}"\n'
            f"budget_w = {BUDGET_W}\ncamera_w = 7.5\n",
        )
        station.agent.shell(
            f"mkdir -p {DROP_INS}; cp {EXAMPLE} {DROP_INS}/; systemctl daemon-reload\n"
            f"systemctl restart {SERVICE}",
            timeout_s=START_S,
        )
        station.until_ready()
        yield it


def test_a_hub_is_read_switched_lost_and_given_back(station: Rack, hub: ChargingHub) -> None:
    """In its sandbox dockd keeps to the budget, says a yank, goes on, and leaves no port dark."""

    def modes(mode: str) -> int:
        return sum(port.mode == mode for port in hub.hub.ports.values())

    def in_order() -> bool:
        return (modes("s"), modes("o")) == (ON, len(hub.hub.ports) - ON)

    station.until(in_order, "the ports to be as the budget has it", timeout_s=START_S)
    assert station.get("/v1/status")["power"]["drawn_w"] is not None
    assert "charger-unreachable" not in station.slugs()

    hub.yank()
    station.until(
        lambda: "charger-unreachable" in station.slugs(), "the yank to be said", timeout_s=START_S
    )
    hub.plug_in()
    station.until(
        lambda: "charger-unreachable" not in station.slugs(),
        "the hub to be read again",
        timeout_s=START_S,
    )
    station.until(in_order, "the ports to be so again")

    # Without a successor, so that what is given back is seen.
    station.agent.shell(
        f"printf '[Service]\\nRestart=no\\n' > {DROP_INS}/alone.conf; systemctl daemon-reload\n"
        f"systemctl kill --signal=KILL {SERVICE}"
    )
    station.until(lambda: modes("o") == 0, "the leases to be given back", timeout_s=START_S)
