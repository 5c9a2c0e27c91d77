"""What lies on a camera: files of known content, with the digests that everything is judged by."""

import hashlib
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property

FIRST_RECORDED = datetime(2026, 11, 20, 6, 0, tzinfo=UTC)
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Item:
    """One file on a camera: `content`, then zeros (holes in the image) up to `size_bytes`."""

    path: str
    content: bytes
    recorded_at: datetime = FIRST_RECORDED
    zeros_bytes: int = 0

    @property
    def size_bytes(self) -> int:
        """The file's size."""
        return len(self.content) + self.zeros_bytes

    @cached_property
    def sha256(self) -> str:
        """The digest that the store must have of it."""
        digest = hashlib.sha256(self.content)
        for start in range(0, self.zeros_bytes, _CHUNK_BYTES):
            digest.update(bytes(min(_CHUNK_BYTES, self.zeros_bytes - start)))
        return digest.hexdigest()


def clips(
    *, seed: int, count: int = 4, total_bytes: int = 8 << 20, folder: str = "DCIM/100MEDIA"
) -> tuple[Item, ...]:
    """Make a shift's footage of random content that the seed repeats, a clip every ten minutes."""
    sizes = _sizes(count, total_bytes=total_bytes)
    dice = random.Random(seed)
    return tuple(
        Item(
            f"{folder}/CLIP{number:04}.MP4",
            dice.randbytes(size),
            FIRST_RECORDED + timedelta(minutes=10 * number),
        )
        for number, size in enumerate(sizes, start=1)
    )


# What a wipe must leave alone: a camera's own settings.
SETTINGS: Sequence[Item] = (
    Item("SETTINGS.INI", b"[camera]\r\nofficer=4711\r\nprebuffer_s=30\r\n"),
    Item("MISC/VERSION.TXT", b"1.24.7\r\n"),
)


def _sizes(count: int, *, total_bytes: int) -> Iterator[int]:
    """Cut a total into odd sizes, no two alike, none on a sector's border."""
    each = total_bytes // count
    for number in range(count - 1):
        yield each - 1237 * (number + 1) + 1
    yield total_bytes - sum(each - 1237 * (number + 1) + 1 for number in range(count - 1))
