"""The store family ``s3``: any endpoint that speaks Amazon's S3 API well enough to be checked."""

from pathlib import Path

from dockd.config import S3StoreConfig
from dockd.ports.clock import Clock
from dockd.stores.s3.options import S3Options
from dockd.stores.s3.store import S3Store


def family(config: S3StoreConfig, *, station: str, spool_path: Path, clock: Clock) -> S3Store:
    """Return the store of one ``[[store]]`` table; the spool's place does not matter to it."""
    del spool_path
    return S3Store(
        S3Options(
            name=config.name,
            endpoint=config.endpoint,
            bucket=config.bucket,
            station=station,
            credentials=config.credentials,
            region=config.region,
            ca_file=config.ca_file,
            client_cert=config.client_cert,
            client_key=config.client_key,
            object_lock_days=config.object_lock_days,
            read_back=config.read_back,
        ),
        clock=clock,
    )


__all__ = ["S3Options", "S3Store", "family"]
