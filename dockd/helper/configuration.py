"""The few keys of dockd's configuration that the helper goes by, read by itself and only from root.

The daemon checks the whole configuration for people (`dockd check-config`); the helper believes
nobody: a file or folder that somebody else could have written stops it.
"""

import os
import re
import stat
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from dockd.core.fragments import merge
from dockd.errors import Refused
from dockd.helper.rules import Rule

_NAME: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}")
_PORT: Final = re.compile(r"[a-z]+-\S+-usb-\d+:\d+(\.\d+)*|\d+-\d+(\.\d+)*")
_OTHERS_MAY_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """What the helper goes by: `slots` is port by name, powers are in watts."""

    slots: Mapping[str, str]
    rules: tuple[Rule, ...]
    auto_slots: bool
    budget_w: float
    camera_w: float


def load(main: Path) -> Configuration:
    """Return what `main` and its sibling `dockd.d/*.toml` say; an absent file says nothing.

    Raises:
        Refused: `config-invalid`: it cannot be read, is malformed, or is not root's alone.
    """
    document: dict[str, Any] = {}
    try:
        for file in files(main):
            merge(document, tomllib.loads(_read(file)))
        return _understood(document)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise Refused(
            f"dockd-helper cannot use the configuration: {error}", slug="config-invalid"
        ) from error


def files(main: Path) -> Iterator[Path]:
    """Yield the files that count, in the order in which they are merged (DESIGN section 5)."""
    if main.exists():
        yield main
    folder = main.parent / "dockd.d"
    if folder.is_dir():
        yield from sorted(file for file in folder.iterdir() if file.suffix == ".toml")


def _read(file: Path) -> str:
    with file.open("rb") as opened:
        # The folder too: who may write there may put another file in this one's place.
        for status, what in ((os.fstat(opened.fileno()), file), (file.parent.stat(), file.parent)):
            if status.st_uid not in {0, os.geteuid()} or status.st_mode & _OTHERS_MAY_WRITE:
                raise Refused(
                    f"dockd-helper does not go by {what}: others than root may write it",
                    slug="config-invalid",
                    unsafe=True,
                )
        return opened.read().decode()


def _understood(document: Mapping[str, Any]) -> Configuration:
    cameras, power = document.get("cameras", {}), document.get("power", {})
    slots: dict[str, str] = {}
    for slot in document.get("slots", []):
        name, port = slot["name"], slot.get("port")
        if not _NAME.fullmatch(name) or name in slots:
            raise ValueError(f"the slot {name!r} has no name of its own")
        if port is None:
            continue
        if not _PORT.fullmatch(port) or port in slots.values():
            raise ValueError(f"the slot {name} has no port of its own")
        slots[name] = port
    return Configuration(
        slots=slots,
        rules=tuple(_rule(table) for table in cameras.get("accept", [])),
        auto_slots=cameras.get("auto_slots", False) is True,
        budget_w=float(power.get("budget_w", 90)),
        camera_w=float(power.get("camera_w", 7.5)),
    )


def _rule(table: Mapping[str, Any]) -> Rule:
    rule = Rule(
        family=table["family"],
        vendor_id=table.get("vendor_id"),
        product_id=table.get("product_id"),
        serial=table.get("serial", "*"),
    )
    for text in (rule.family, rule.serial, rule.vendor_id or "", rule.product_id or ""):
        if not isinstance(text, str):
            raise TypeError("a [[cameras.accept]] holds something else than text")
    return rule


class Watched:
    """The configuration as its files are now: read again whenever one of them changed."""

    def __init__(self, main: Path) -> None:
        self._main = main
        self._seen: object = None
        self._read: Configuration | Refused | None = None

    def changed(self) -> bool:
        """Return whether the files differ from those last read, and read them if so."""
        seen = [(file, *_stamp(file)) for file in (*files(self._main), self._main.parent)]
        if seen == self._seen:
            return False
        try:
            self._read = load(self._main)
        except Refused as error:
            # As in the daemon a slip of the pen leaves the old one in force; a stranger's pen not.
            if "unsafe" in error.fields or not isinstance(self._read, Configuration):
                self._read = error
        self._seen = seen
        return True

    def current(self) -> Configuration:
        """Return the configuration.

        Raises:
            Refused: It cannot be used.
        """
        self.changed()
        if isinstance(self._read, Configuration):
            return self._read
        raise self._read or Refused("the configuration was never read", slug="config-invalid")


def _stamp(file: Path) -> tuple[int, ...]:
    try:
        status = file.stat()
    except OSError:
        return ()
    return (
        status.st_ino,
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
        status.st_mode,
        status.st_uid,
    )
