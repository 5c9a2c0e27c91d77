"""Prints /etc/dockd/dockd.toml as it is installed: the example with every setting commented out.

The example's values are somebody's station; a new one starts with the defaults, and its admin takes
the marks away where they mean it. A line `#key = value` is a setting, `# text` is an explanation.
"""

import sys
from pathlib import Path
from typing import Final

EXAMPLE: Final = Path(__file__).parents[1] / "dockd.toml.example"
_INTRODUCTION: Final = """\
# Nothing is set here yet: dockd runs with its defaults, takes no USB camera and has no store.
# Take the mark away from a table's heading and from the keys you set; then `dockd check-config`
# and `systemctl reload dockd` (or restart, where the journal says so).
#
"""


def commented(example: str) -> str:
    """Return the example with a mark before every line that says anything but a comment."""
    lines = (
        f"#{line}" if line and not line.startswith("#") else line for line in example.splitlines()
    )
    return _INTRODUCTION + "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(commented(EXAMPLE.read_text(encoding="utf-8")))
