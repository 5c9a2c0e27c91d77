"""What `dockd doctor` finds out about the MQTT broker."""

import json
from pathlib import Path

import pytest

from dockd.__main__ import dispatch
from tests.cli.doctoring import DOCTOR
from tests.fakes.broker import mosquitto
from tests.fakes.servers import free_ports

pytestmark = pytest.mark.real


def found(folder: Path, capsys: pytest.CaptureFixture[str], mqtt: str) -> list[dict[str, str]]:
    """Return what the doctor finds of a station's broker."""
    config = folder / "dockd.toml"
    config.write_text(f'[spool]\npath = "{folder}"\nreserve = "1 MiB"\n[mqtt]\n{mqtt}\n')
    capsys.readouterr()
    dispatch([*DOCTOR, "--config", str(config)])
    said: list[dict[str, str]] = json.loads(capsys.readouterr().out)["findings"]
    return [each for each in said if "MQTT" in each["finding"]]


def test_the_doctor_tries_the_broker_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A broker that takes the station is well; one that refuses or is not there says what to do."""
    (tmp_path / "word").write_text("right")
    with mosquitto(tmp_path, password="right") as broker:
        url = f'broker = "mqtt://127.0.0.1:{broker.port}"\n'
        named = f'{url}username = "dockd"\npassword_file = "{tmp_path}/word"'
        (well,) = found(tmp_path, capsys, named)
        (refused,) = found(tmp_path, capsys, url)
    (away,) = found(tmp_path, capsys, f'broker = "mqtt://127.0.0.1:{free_ports(1)[0]}"')
    assert well["well"]
    assert not refused["well"]
    assert "password" in refused["next"]
    assert not away["well"]
    assert "link" in away["next"]
    assert {each["area"] for each in (well, refused, away)} == {"network"}
    assert found(tmp_path, capsys, "") == []
