"""Spoiling the result behind dockd's back, to show that the demo is a test that can fail."""

from enum import StrEnum
from typing import Any

from dockd.simulator.footage import Footage
from dockd.simulator.rack import Rack


class Sabotage(StrEnum):
    """What to spoil once everything has arrived."""

    LOSE_OBJECT = "lose-object"
    CHANGE_OBJECT = "change-object"
    LEAVE_FOOTAGE = "leave-footage"


def commit(
    sabotage: Sabotage,
    *,
    client: Any,  # noqa: ANN401 - a boto3 client
    bucket: str,
    footage: Footage,
    rack: Rack,
) -> None:
    """Spoil the first clip of a camera."""
    clip = footage.clips[0]
    key = f"{footage.camera}/{clip.sha256}/{clip.path}"
    match sabotage:
        case Sabotage.LOSE_OBJECT:
            for version in client.list_object_versions(Bucket=bucket, Prefix=key)["Versions"]:
                client.delete_object(Bucket=bucket, Key=key, VersionId=version["VersionId"])
        case Sabotage.CHANGE_OBJECT:
            client.put_object(Bucket=bucket, Key=key, Body=b"not what the camera saw")
        case Sabotage.LEAVE_FOOTAGE:
            rack.path_of(footage.camera).joinpath("LEFT.MP4").write_bytes(b"left behind")
