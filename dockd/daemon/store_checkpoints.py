"""The head of the record at the stores: the second witness of a ledger that was restored.

The first lies in the spool, beside the ledger, and is put back with it where a whole disk is. So a
store is told nothing new before it was asked what it was told last, and until then nothing makes
room on its word: it may have lost since the backup what the restored ledger says that it holds.

It tells of the store itself as well. One that has not what it was told last was put back to an
earlier day, was emptied, or is another place under the same name: its receipts are of what was.
"""

import asyncio
from collections.abc import Mapping
from typing import Final

from dockd.core import custody, naming
from dockd.core.custody import Checkpoint
from dockd.daemon import opening
from dockd.errors import DockdError, StoreBusy, StoreUnreachable
from dockd.ports.clock import Clock
from dockd.ports.store import Store
from dockd.stages.problems import ProblemBoard
from dockd.station.ledger import SqliteLedger

_ASK_AGAIN_S: Final = 30.0
# For a store that hangs while it is asked the housekeeping does not wait.
_PATIENCE_S: Final = 20.0


class StoreCheckpoints:
    """Asks each store once a run, and writes to those that were asked.

    What cannot be read again could never tell of a restored ledger, and is left out.
    """

    def __init__(
        self,
        ledger: SqliteLedger,
        stores: Mapping[str, Store],
        *,
        station: str,
        problems: ProblemBoard,
        clock: Clock,
        patience_s: float = _PATIENCE_S,
    ) -> None:
        """No store was asked yet; whoever writes waits ``patience_s`` seconds for who asks."""
        self._ledger = ledger
        self._stores = {name: store for name, store in stores.items() if store.readable}
        self._station = station
        self._key = f".dockd/{naming.component(station.encode())}/checkpoint.json"
        self._problems = problems
        self._clock = clock
        self._patience_s = patience_s
        self._unasked = set(self._stores)
        self._turns = {name: asyncio.Lock() for name in self._stores}

    def unasked(self) -> frozenset[str]:
        """Return the stores that did not tell yet, for instance because they are out of reach."""
        return frozenset(self._unasked)

    async def ask(self) -> None:
        """Hold the ledger against what each store was last told of it; ends when all have told."""
        async with asyncio.TaskGroup() as group:
            for name in self._stores:
                group.create_task(self._ask(name))

    async def _ask(self, name: str) -> None:
        while not await self._has_told(name):
            await self._clock.sleep(_ASK_AGAIN_S)

    async def write(self, checkpoint: Checkpoint) -> list[str]:
        """Write a checkpoint to every store that takes it now; return which did."""
        written: list[str] = []
        for name, store in self._stores.items():
            if not await self._has_told_soon(name):
                continue
            try:
                await store.write_record(self._key, custody.encode_checkpoint(checkpoint))
            except DockdError:
                # Its own problem is on the board already; the next checkpoint tries again.
                continue
            written.append(name)
        return written

    async def _has_told_soon(self, name: str) -> bool:
        """Return as `_has_told` does; False when somebody asks and has no answer yet."""
        try:
            async with asyncio.timeout(self._patience_s):
                async with self._turns[name]:
                    pass
        except TimeoutError:
            return False
        return await self._has_told(name)

    async def _has_told(self, name: str) -> bool:
        """Return whether a store was asked, after trying to; begins an epoch if it has to."""
        async with self._turns[name]:
            if name in self._unasked:
                try:
                    content = await self._stores[name].read_record(self._key)
                except DockdError as error:
                    await self._say_why_not(name, error)
                    return False
                await self._settle(name, _parsed(content))
                self._unasked.discard(name)
                await self._problems.clear_subject(_subject(name))
            return True

    async def _say_why_not(self, name: str, error: DockdError) -> None:
        """Say that a store does not tell, unless it is out of reach, which is said elsewhere.

        It may take clips all the same, and then nothing else would say why no copy makes room.
        """
        if not isinstance(error, StoreUnreachable | StoreBusy):
            reason = f"what it was told last of the ledger cannot be read: {error.reason}"
            await self._problems.open(error.slug, subject=_subject(name), reason=reason)

    async def _settle(self, name: str, checkpoint: Checkpoint | None) -> None:
        told = (await self._ledger.store_memory(name)).told_up_to
        ours = (await self._ledger.head()).ledger_id
        await opening.settle_epoch_with_store(self._ledger, checkpoint, problems=self._problems)
        if told is None:
            return
        if checkpoint is None or checkpoint.ledger_id != ours or checkpoint.sequence < told:
            reason = (
                f"the store {name} has not, of the station {self._station}, what it was told last: "
                "it was put back or emptied, or is another place"
            )
            await opening.begin_epoch(self._ledger, reason, self._problems)


def _subject(store: str) -> str:
    return f"store {store} checkpoint"


def _parsed(content: bytes | None) -> Checkpoint | None:
    """Return a store's checkpoint; one that is damaged is as good as none."""
    if content is None:
        return None
    try:
        return custody.parse_checkpoint(content)
    except ValueError:
        return None
