"""A store around a store: retry, rate limit and breaker each change one thing and pass the rest."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

from dockd.ports.store import Outgoing, Probe, Proven, Store

T = TypeVar("T")


class StoreWrapper:
    """Passes every call on; a subclass overrides `_call`, `_prepared` or `read_back`."""

    def __init__(self, inner: Store) -> None:
        self.inner = inner

    @property
    def name(self) -> str:
        """The wrapped store's name."""
        return self.inner.name

    @property
    def kind(self) -> str:
        """The wrapped store's family."""
        return self.inner.kind

    @property
    def in_order(self) -> bool:
        """See `Store.in_order`."""
        return self.inner.in_order

    @property
    def readable(self) -> bool:
        """See `Store.readable`."""
        return self.inner.readable

    async def _call(self, operation: str, call: Callable[[], Awaitable[T]]) -> T:
        """Make one call; ``operation`` is the method's name."""
        del operation
        return await call()

    def _prepared(self, outgoing: Outgoing) -> Outgoing:
        """Return what is to be sent as it is handed on."""
        return outgoing

    async def probe(self) -> Probe:
        """See `Store.probe`."""
        return await self._call("probe", self.inner.probe)

    async def find_object(self, outgoing: Outgoing) -> str | None:
        """See `Store.find_object`."""
        return await self._call("find_object", lambda: self.inner.find_object(outgoing))

    async def takes_whole(self, outgoing: Outgoing) -> bool:
        """See `Store.takes_whole`."""
        return await self._call("takes_whole", lambda: self.inner.takes_whole(outgoing))

    async def create_upload(self, outgoing: Outgoing) -> str:
        """See `Store.create_upload`."""
        return await self._call("create_upload", lambda: self.inner.create_upload(outgoing))

    async def find_upload(self, outgoing: Outgoing) -> str | None:
        """See `Store.find_upload`."""
        return await self._call("find_upload", lambda: self.inner.find_upload(outgoing))

    async def arrived_parts(self, outgoing: Outgoing, *, upload_id: str) -> Mapping[int, str]:
        """See `Store.arrived_parts`."""
        return await self._call(
            "arrived_parts", lambda: self.inner.arrived_parts(outgoing, upload_id=upload_id)
        )

    async def send_part(self, outgoing: Outgoing, *, upload_id: str, index: int) -> str:
        """See `Store.send_part`."""
        prepared = self._prepared(outgoing)
        return await self._call(
            "send_part",
            lambda: self.inner.send_part(prepared, upload_id=upload_id, index=index),
        )

    async def complete(
        self, outgoing: Outgoing, *, upload_id: str, etags: Mapping[int, str]
    ) -> str:
        """See `Store.complete`."""
        return await self._call(
            "complete", lambda: self.inner.complete(outgoing, upload_id=upload_id, etags=etags)
        )

    async def put_whole(self, outgoing: Outgoing) -> str:
        """See `Store.put_whole`."""
        prepared = self._prepared(outgoing)
        return await self._call("put_whole", lambda: self.inner.put_whole(prepared))

    async def prove(self, outgoing: Outgoing, *, version: str) -> Proven:
        """See `Store.prove`."""
        return await self._call("prove", lambda: self.inner.prove(outgoing, version=version))

    async def abort(self, outgoing: Outgoing, *, upload_id: str) -> None:
        """See `Store.abort`."""
        await self._call("abort", lambda: self.inner.abort(outgoing, upload_id=upload_id))

    def read_back(self, key: str, *, version: str) -> AsyncGenerator[bytes, None]:
        """See `Store.read_back`."""
        return self.inner.read_back(key, version=version)

    async def write_record(self, key: str, content: bytes) -> None:
        """See `Store.write_record`."""
        await self._call("write_record", lambda: self.inner.write_record(key, content))

    async def read_record(self, key: str) -> bytes | None:
        """See `Store.read_record`."""
        return await self._call("read_record", lambda: self.inner.read_record(key))

    async def records(self, prefix: str, *, after: str) -> Sequence[str]:
        """See `Store.records`."""
        return await self._call("records", lambda: self.inner.records(prefix, after=after))

    async def delete_record(self, key: str) -> None:
        """See `Store.delete_record`."""
        await self._call("delete_record", lambda: self.inner.delete_record(key))

    async def close(self) -> None:
        """See `Store.close`."""
        await self.inner.close()
