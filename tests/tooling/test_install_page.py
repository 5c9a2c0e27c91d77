"""docs/install.md gives an installer a configuration that dockd takes."""

import re
import textwrap
from pathlib import Path

from dockd import config as configs
from tests.fakes.servers import ROOT


def test_its_configuration_is_taken_as_it_stands(tmp_path: Path) -> None:
    """Whoever copies the tables of the page into dockd.toml is told of no mistake."""
    page = (ROOT / "docs/install.md").read_text()
    blocks = [
        textwrap.dedent(each) for each in re.findall(r"(?:^ {4}.*\n|^\n)+", page, re.MULTILINE)
    ]
    tables = [block for block in blocks if block.lstrip().startswith("[[")]
    assert len(tables) == 2
    (tmp_path / "dockd.toml").write_text("\n".join(tables))
    config = configs.load(tmp_path / "dockd.toml")
    assert [store.kind for store in config.store] == ["s3", "tus"]
    assert [slot.name for slot in config.slots] == ["A1"]
