"""The command that makes the README's pictures makes them, and they show what they are to show."""

import re
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from tests.page import browser

ROOT = Path(__file__).parents[2]
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# What any officer may see at a glance, and in which slot it is drawn.
_ADVICE = ("Take", "Leave", "Take", "Report", "Leave", "Off", "Leave", "Free")


@pytest.mark.timeout(300)
def test_the_readme_s_pictures_can_be_made_anew(tmp_path: Path) -> None:
    """Each of its size, with every kind of slot, a charge and a rank in it, and under its name."""
    images = tmp_path / "images"
    made = subprocess.run(
        [sys.executable, "-m", "tests.page", images],
        cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    pictures = {"kiosk.png": browser.KIOSK, "phone.png": browser.PHONE}
    assert {each.name for each in images.iterdir()} == pictures.keys()
    shown = dict(zip(pictures, made.stdout.split(f"{images}/")[1:], strict=True))
    for name, size in pictures.items():
        content = (images / name).read_bytes()
        assert content.startswith(_SIGNATURE)
        assert struct.unpack(">II", content[16:24]) == size
        # An empty page of either size is a tenth of that.
        assert len(content) > 30_000
        title, *tiles = shown[name].splitlines()
        assert title == name
        words = [re.split(r"[ |]{2,}", tile.strip()) for tile in tiles]
        assert [(tile[0], tile[1]) for tile in words] == [
            (f"A{number}", advice) for number, advice in enumerate(_ADVICE, 1)
        ]
        assert "98 ±3 %" in tiles[0]
        assert "take this one first" in tiles[0]
    readme = (ROOT / "README.md").read_text()
    assert set(re.findall(r"docs/images/([\w.]+)", readme)) == pictures.keys()
    assert {each.name for each in (ROOT / "docs/images").iterdir()} == pictures.keys()
