"""The few keys of dockd's configuration that the helper goes by, read by itself and only from root.

The daemon checks the whole configuration for people (`dockd check-config`); the helper believes
nobody: a file that somebody else could have written, or put in place of root's, stops it.
"""

import os
import re
import stat
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from dockd.core.fragments import merge
from dockd.errors import Refused
from dockd.helper.requests import SLOT_NAME
from dockd.helper.rules import Rule

_PORT: Final = re.compile(r"[a-z]+-\S+-usb-\d+:\d+(\.\d+)*|\d+-\d+(\.\d+)*")


class Configuration(NamedTuple):
    """What the helper goes by: `slots` is port by name, powers are in watts."""

    slots: Mapping[str, str]
    rules: Sequence[Rule]
    auto_slots: bool
    budget_w: float
    camera_w: float
    has_serial_hub: bool = False


class Watched:
    """The configuration as its files say now: `main` and its sibling `dockd.d/*.toml`."""

    def __init__(self, main: Path) -> None:
        self._main = main
        self._last: Configuration | None = None

    def now(self) -> Configuration:
        """Return what the files say, absent ones nothing; raises Refused where it is no use."""
        drop_ins = sorted((self._main.parent / "dockd.d").glob("*.toml"))
        document: dict[str, Any] = {}
        try:
            for file in [self._main, *drop_ins] if self._main.exists() else drop_ins:
                merge(document, tomllib.loads(_read(file)))
            self._last = _understood(document)
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            # As in the daemon a slip of the pen leaves the last one in force; a stranger's pen not.
            if self._last is None or isinstance(error, PermissionError):
                self._last = None
                reason = f"dockd-helper cannot use the configuration: {error}."
                raise Refused(reason, slug="config-invalid") from error
        return self._last


def _read(file: Path) -> str:
    with file.open("rb") as opened:
        # The folders too: who may write there may put another file in this one's place.
        folders = {*file.parents, *file.resolve().parents}
        found = {file: os.fstat(opened.fileno())} | {folder: folder.stat() for folder in folders}
        for place, status in found.items():
            is_sticky = stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX
            others_write = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not is_sticky
            if others_write or status.st_uid != 0:
                raise PermissionError(f"others than root may write {place}")
        return opened.read().decode()


def _understood(document: Mapping[str, Any]) -> Configuration:
    cameras, power = document.get("cameras", {}), document.get("power", {})
    named = [(slot["name"], slot["port"]) for slot in document.get("slots", []) if "port" in slot]
    for name, port in named:
        if not (SLOT_NAME.fullmatch(name) and _PORT.fullmatch(port)):
            raise ValueError(f"the slot {name!r} has no right name or no right port")
    if len(set(dict(named).values())) != len(named):
        raise ValueError("two slots have one name or one port")
    rules = [
        Rule(rule["family"], rule.get("vendor_id"), rule.get("product_id"), rule.get("serial", "*"))
        for rule in cameras.get("accept", [])
    ]
    if not all(isinstance(text, str | None) for rule in rules for text in rule):
        raise TypeError("a [[cameras.accept]] holds something else than text")
    return Configuration(
        slots=dict(named),
        rules=rules,
        auto_slots=cameras.get("auto_slots", False) is True,
        budget_w=float(power.get("budget_w", 90)),
        camera_w=float(power.get("camera_w", 7.5)),
        has_serial_hub=power.get("driver") == "cambrionix",
    )
