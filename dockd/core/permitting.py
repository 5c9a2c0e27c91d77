"""The words with which an admin lets a refused device in, as they stand in a configuration.

One line, so that it survives every surface; and a file of its own in `dockd.d/`, because TOML lets
no such list stand beside tables of the same name, while the lists of several files grow together.
"""

import json
import re
from typing import Final

_WILD: Final = re.compile(r"[*?[]")


def rule_to_add(*, vendor_id: str, product_id: str, serial: str) -> str:
    """Return the line that accepts this device and no other."""
    # What has a meaning in a pattern stands for itself in brackets (fnmatch).
    pattern = _quoted(_WILD.sub(r"[\g<0>]", serial))
    return (
        'in a file of its own in dockd.d: cameras.accept = [{ family = "mass-storage", '
        f'vendor_id = "{vendor_id}", product_id = "{product_id}", serial = {pattern} }}]'
    )


def slot_to_add(*, port: str) -> str:
    """Return the line that makes a port a slot, under a name that the admin gives it."""
    return f'in a file of its own in dockd.d: slots = [{{ name = "...", port = {_quoted(port)} }}]'


def _quoted(text: str) -> str:
    # A TOML basic string understands what JSON escapes.
    return json.dumps(text, ensure_ascii=False)
