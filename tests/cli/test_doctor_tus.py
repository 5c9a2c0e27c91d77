"""What the doctor says of a tus store, which takes footage and gives nothing back."""

import json
from pathlib import Path

import pytest

from dockd.__main__ import dispatch
from tests.cli.doctoring import DOCTOR
from tests.conformance.tus_sides import of_node, with_receipts
from tests.fakes.servers import node_tus

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("tus")]


def findings(
    folder: Path, capsys: pytest.CaptureFixture[str], **store: object
) -> list[dict[str, str]]:
    """Return what the doctor finds of a station's store."""
    table = "\n".join(f'{key} = "{value}"' for key, value in store.items())
    config = folder / "dockd.toml"
    config.write_text(
        f'[spool]\npath = "{folder}"\nreserve = "1 MiB"\n'
        f'[[store]]\nname = "evidence"\nkind = "tus"\n{table}\n'
    )
    capsys.readouterr()
    dispatch([*DOCTOR, "--config", str(config)])
    found: list[dict[str, str]] = json.loads(capsys.readouterr().out)["findings"]
    return [finding for finding in found if "evidence" in str(finding)]


def test_the_doctor_says_what_a_tus_store_lacks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A trial is uploaded and thrown away; without receipts it says what would clear a camera."""
    with node_tus(tmp_path) as server:
        trial, strength = findings(tmp_path, capsys, url=server.url)
        assert of_node(server.folder) == []
    assert trial["well"]
    assert "read back" not in str(trial)
    assert not strength["well"]
    assert "receipt_url" in strength["next"]


def test_the_doctor_finds_a_store_with_receipts_well(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A store that tells the truth of a small upload is well, and nothing stays there."""
    with (
        node_tus(tmp_path, relative=True) as server,
        with_receipts(server, tmp_path, field="{key}", how="json") as side,
    ):
        found = findings(
            tmp_path, capsys, url=side.url, receipt_url=side.receipt_url, ca_file=side.ca_file
        )
        assert of_node(server.folder) == []
    assert all(finding["well"] for finding in found)
