"""The store family ``tus``: a server of the resumable upload protocol, version 1.0."""

from pathlib import Path

from dockd.config import TusStoreConfig
from dockd.ports.clock import Clock
from dockd.stores.tus.options import TusOptions
from dockd.stores.tus.store import TusStore


def family(config: TusStoreConfig, *, station: str, spool_path: Path, clock: Clock) -> TusStore:
    """Return the store of one ``[[store]]`` table; the spool's place does not matter to it."""
    del spool_path
    return TusStore(
        TusOptions(
            name=config.name,
            url=config.url,
            station=station,
            credentials=config.credentials,
            receipt_url=config.receipt_url,
            ca_file=config.ca_file,
            client_cert=config.client_cert,
            client_key=config.client_key,
        ),
        clock=clock,
    )


__all__ = ["TusOptions", "TusStore", "family"]
