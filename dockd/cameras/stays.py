"""Who is in which slot, and since which arrival; the same for every family that watches a rack."""

import itertools
import os
from collections import Counter
from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Final

from dockd.core.printable import quoted
from dockd.errors import NameUnsupported
from dockd.ports.camera import Refusal, Sighting

DUPLICATE: Final = "camera-duplicate-serial"
_SERIAL_LIMIT_BYTES: Final = 64
# Of the whole process: a watch that begins anew must not give out a token that was used before.
_arrivals: Final = itertools.count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Docked:
    """A camera in a slot.

    ``place`` tells this very device from any other that has the same serial number: the device
    and inode of a folder, the kernel's entry of a USB device.
    """

    serial: str
    place: str
    port: str | None = None


Content = Docked | Refusal | None
"""What one slot holds: a camera, something that is refused, or nothing."""


def without_twins(contents: Mapping[str, Content]) -> Mapping[str, Content]:
    """Return the contents with every camera refused whose serial is in another slot as well."""
    serials = Counter(
        content.serial for content in contents.values() if isinstance(content, Docked)
    )
    return {
        slot: _refused_twin(slot, content.serial)
        if isinstance(content, Docked) and serials[content.serial] > 1
        else content
        for slot, content in contents.items()
    }


def _refused_twin(slot: str, serial: str) -> Refusal:
    return Refusal(
        slot=slot,
        slug=DUPLICATE,
        reason=f"the serial {serial} is in more than one slot; neither is believed",
    )


def unsupported(slot: str, *, name: str, reason: str) -> Refusal:
    """Return the refusal of something because of what it calls itself."""
    return Refusal(slot=slot, slug=NameUnsupported.slug, reason=f"{quoted(name)}: {reason}")


def why_no_serial(name: str) -> str | None:
    """Return why what a camera calls itself is not a serial number, or None when it is one."""
    if len(os.fsencode(name)) > _SERIAL_LIMIT_BYTES:
        return f"a serial number has at most {_SERIAL_LIMIT_BYTES} bytes"
    try:
        name.encode()
    except UnicodeEncodeError:
        return "a serial number is UTF-8"
    if not name.isprintable() or name != name.strip():
        return "a serial number has no control characters, and no space at its ends"
    return None


class Stays:
    """One token for one unbroken stay of one camera in one slot; each watch has its own."""

    def __init__(self, family: str) -> None:
        """Begin with nothing seen; ``family`` is whose sightings these are."""
        self._family: Final = family
        self._contents: dict[str, Content] = {}
        self._tokens: dict[str, str] = {}

    def lasts(self, slot: str, *, token: str) -> bool:
        """Return whether the stay that began with ``token`` was not seen to end."""
        return self._tokens.get(slot) == token

    def docked(self) -> set[tuple[str, str]]:
        """Return the slot and serial of every camera that is there."""
        return {
            (slot, content.serial)
            for slot, content in self._contents.items()
            if isinstance(content, Docked)
        }

    def changes(
        self, contents: Mapping[str, Content], *, left: Container[tuple[str, str]]
    ) -> list[Sighting | Refusal]:
        """Take in what the slots hold now, and return what is new.

        ``left`` are the slot and serial of cameras that were seen to leave since the last look:
        one that is there all the same came back, and begins a new stay.
        """
        news = []
        for slot in sorted(self._contents.keys() | contents.keys()):
            known = slot in self._contents
            content = contents.get(slot)
            before = self._contents.get(slot)
            broken = isinstance(content, Docked) and (slot, content.serial) in left
            if not known or content != before or broken:
                news.append(self._seen(slot, content))
        self._contents = dict(contents)
        return news

    def _seen(self, slot: str, content: Content) -> Sighting | Refusal:
        self._tokens.pop(slot, None)
        if isinstance(content, Refusal):
            return content
        if content is None:
            return Sighting(slot=slot, port=None, family=self._family, serial=None, token="")
        token = f"{content.place}:{next(_arrivals)}"
        self._tokens[slot] = token
        return Sighting(
            slot=slot, port=content.port, family=self._family, serial=content.serial, token=token
        )
