"""The models of ``[stores]`` and ``[[store]]``: where footage goes, one model a family.

A family of another package brings its own (docs/extending.md), and is known by its entry point.
"""

import json
from importlib.metadata import entry_points
from typing import Annotated, Any, Final, Literal

from pydantic import Field, TypeAdapter, WrapValidator

from dockd.config import values
from dockd.config.table import Table


class StoresConfig(Table):
    """What makes a clip stored."""

    required: int = Field(
        default=1, ge=1, description="how many stores must prove that they hold a clip, 1 or more"
    )


ReadBack = Literal["never", "when-unproven"]


class AnyStore(Table):
    """What all stores have."""

    name: values.Name = Field(description="the store's name (letters, digits, . _ -)")
    takes: Literal["all", "flagged"] = Field(
        default="all",
        description='"all" or "flagged": whether it gets every clip, or flagged ones beside the '
        "stores that count",
    )


class RemoteStore(AnyStore):
    """What all stores behind HTTP have."""

    ca_file: values.OptionalFile = Field(
        default=None,
        description='the file of the certificate authorities to trust; "": the system\'s',
    )
    client_cert: values.OptionalFile = Field(
        default=None, description='the client certificate for mutual TLS, a file; "": none'
    )
    client_key: values.OptionalFile = Field(
        default=None, description='the key of client_cert, a file; "": none'
    )


class S3StoreConfig(RemoteStore):
    """A bucket."""

    kind: Literal["s3"] = Field(description="s3, tus or directory")
    endpoint: values.HttpUrl = Field(
        description='the address of the S3 service, as "https://store.example"'
    )
    bucket: values.Bucket = Field(description="the bucket's name, 3 to 63 characters")
    region: str = Field(default="us-east-1", min_length=1, description='the region, as "eu-west-2"')
    credentials: values.CredentialFile = Field(
        description="the AWS shared-credentials file (profile default): an absolute path or the "
        "name of a systemd credential",
    )
    object_lock_days: int = Field(
        default=0, ge=0, description="how long the store locks each object, in days; 0: not at all"
    )
    read_back: ReadBack = Field(
        default="never",
        description='"never" or "when-unproven": whether a clip is read back over the link '
        "where the store cannot prove it",
    )


class TusStoreConfig(RemoteStore):
    """A tus 1.0 server."""

    kind: Literal["tus"] = Field(description="s3, tus or directory")
    url: values.HttpUrl = Field(
        description='the address uploads are created at, as "https://dems.example/files/"; '
        "{key} in it stands for the clip's key"
    )
    receipt_url: values.ReceiptUrl = Field(
        default=None,
        description="where the store tells the SHA-256 of what it holds, as "
        '"https://dems.example/receipts/{key}" or with {upload}; "": it does not',
    )
    credentials: values.OptionalFile = Field(
        default=None, description='the file of the bearer token, or a systemd credential; "": none'
    )


class DirectoryStoreConfig(AnyStore):
    """A mounted share."""

    kind: Literal["directory"] = Field(description="s3, tus or directory")
    path: values.AbsolutePath = Field(description="the absolute path of the mounted share")
    allow_same_disk: bool = Field(
        default=False,
        description="true or false: whether it may be on the spool's file system (trials only)",
    )


class OtherStoreConfig(AnyStore):
    """What a family of another package derives its table from, which is its ``table``."""

    kind: str = Field(description="the name of the family")


KINDS: Final = ("s3", "tus", "directory")
_OWN: Final[TypeAdapter[AnyStore]] = TypeAdapter(
    Annotated[S3StoreConfig | TusStoreConfig | DirectoryStoreConfig, Field(discriminator="kind")]
)


def kinds() -> tuple[str, ...]:
    """Return every family that is installed: dockd's own, then those of other packages."""
    installed = {entry.name for entry in entry_points(group="dockd.stores")}
    return (*KINDS, *sorted(installed - set(KINDS)))


def table_of(kind: object) -> type[OtherStoreConfig] | None:
    """Return the table of another package's family; None where that is no such family.

    Raises:
        ValueError: its package cannot be used.
    """
    if not isinstance(kind, str) or kind in KINDS:
        return None
    for entry in entry_points(group="dockd.stores", name=kind):
        try:
            table = entry.load().table
        except Exception as error:  # another's code: whatever it is, it is said of its key
            message = f"the package of {kind!r} cannot be used ({error})"
            raise ValueError(message) from error
        if isinstance(table, type) and issubclass(table, OtherStoreConfig):
            return table
        message = f"the package of {kind!r} has no table of a store"
        raise ValueError(message)
    return None


def _of_its_family(entry: Any, _handler: object) -> AnyStore:  # noqa: ANN401 - as the file has it
    """Check an entry by its family's table; as JSON, so that text is as strict as in the others."""
    table = table_of(entry.get("kind")) if isinstance(entry, dict) else None
    text = json.dumps(entry, default=str)
    return _OWN.validate_json(text) if table is None else table.model_validate_json(text)


StoreConfig = Annotated[
    S3StoreConfig | TusStoreConfig | DirectoryStoreConfig | OtherStoreConfig,
    WrapValidator(_of_its_family),
]
