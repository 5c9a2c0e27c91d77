"""The store family ``s3``: any endpoint that speaks Amazon's S3 API well enough to be checked."""

from dockd.stores.s3.options import Patience, S3Options
from dockd.stores.s3.store import S3Store

family = S3Store

__all__ = ["Patience", "S3Options", "S3Store", "family"]
