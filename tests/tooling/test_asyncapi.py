"""The document of what is announced over MQTT: as the models are now, and strict."""

import subprocess
import sys

import jsonschema
import pytest

from dockd.core.announcement import encoded
from tests.fakes.asyncapi import FILE, check
from tests.fakes.servers import ROOT


def test_the_document_is_what_the_models_say() -> None:
    """It is generated; python packaging/generate/asyncapi.py > docs/mqtt.asyncapi.json."""
    script = ROOT / "packaging/generate/asyncapi.py"
    made = subprocess.run([sys.executable, script], check=True, capture_output=True)
    assert FILE.read_bytes() == made.stdout


@pytest.mark.parametrize(
    "payload",
    [
        {"online": True},
        {"online": False, "slots": []},
        {"offline": True},
    ],
)
def test_a_payload_that_is_not_described_does_not_pass(payload: dict[str, object]) -> None:
    """A missing field, one too many and a wrong one are all noticed."""
    assert check("dockd/s/t/state", encoded({"online": False})) == "state"
    with pytest.raises(jsonschema.ValidationError):
        check("dockd/s/t/state", encoded(payload))
