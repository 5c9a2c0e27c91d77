"""A worked example of a store family: shelves of memory, which are gone with the process.

docs/extending.md goes through it. What a real one has to do is in the port, and in the conformance
suite, which the store that stands behind this one passes.
"""

from collections import defaultdict
from pathlib import Path
from typing import Final

from pydantic import Field

from dockd.config import OtherStoreConfig
from dockd.ports.clock import Clock
from dockd.ports.store import Store
from tests.fakes.memory_store import MemoryBucket, MemoryStore

_SHELVES: Final[defaultdict[str, MemoryBucket]] = defaultdict(MemoryBucket)


class VaultConfig(OtherStoreConfig):
    """One ``[[store]]`` of kind ``vault``: a key's description is what is said to be right."""

    shelf: str = Field(pattern="^[a-z]+$", description="the shelf's name, in small letters")
    keep_years: int = Field(default=7, ge=1, description="how long it keeps a clip, in years")


class VaultFamily:
    """What the entry point stands for."""

    table = VaultConfig

    def __call__(
        self, config: VaultConfig, *, station: str, spool_path: Path, clock: Clock
    ) -> Store:
        """Return the store of one ``[[store]]`` table; it tries once, and retries nothing."""
        del station, spool_path, clock
        return MemoryStore(_SHELVES[config.shelf], name=config.name)


family = VaultFamily()
