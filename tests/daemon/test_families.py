"""A family of another package is configured by its name, as docs/extending.md says."""

from pathlib import Path
from typing import cast

import pytest

from dockd import config
from dockd.daemon import building
from dockd.errors import ConfigInvalid
from dockd.ports.equipment import Equipment
from dockd.ports.usb import UsbBus
from dockd.station.helper_client import HelperClient

CHARGER = """
class Family:
    def charger(self, config, equipment):
        return ("a charger of another package", config.power.driver)

def family():
    return Family()
"""


def test_a_charger_of_another_package_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once its package is installed, `[power] driver` takes its name; before that it is refused."""
    document = {"power": {"driver": "vendor-hub"}}
    with pytest.raises(ConfigInvalid, match="vendor-hub"):
        config.parse(document)
    (tmp_path / "vendor_hub.py").write_text(CHARGER)
    package = tmp_path / "vendor_hub-1.0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: vendor-hub\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text("[dockd.chargers]\nvendor-hub = vendor_hub:family\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    equipment = Equipment(usb=cast("UsbBus", None), helper=HelperClient())
    made = building.charger(config.parse(document), equipment=equipment)
    assert cast("object", made) == ("a charger of another package", "vendor-hub")
