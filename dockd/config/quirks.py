"""What is peculiar to a camera model: a quirk file, checked as the configuration is."""

import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from dockd.config import problems, values
from dockd.config.problems import Located
from dockd.config.table import Table
from dockd.errors import ConfigInvalid

# Neither absolute nor leading upwards; it names one file.
MediumFile = Annotated[str, Field(pattern=r"^([^/.*?][^/*?]*(/[^/.*?][^/*?]*)*)?$")]
UsbModel = Annotated[str, Field(pattern=r"^[0-9a-f]{4}:([0-9a-f]{4}|\*)$")]


class QuirkConfig(Table):
    """One model of camera, or several that behave alike."""

    model: str = Field(min_length=1, description="what people call it")
    ids: tuple[UsbModel, ...] = Field(
        default=(),
        description='its USB ids as ["46f4:0001"], or ["46f4:*"] for all of a maker; []: any',
    )
    footage: tuple[values.Pattern, ...] = Field(
        default=("DCIM",), description='the folders of its footage, as ["DCIM"]'
    )
    clearable: tuple[values.Pattern, ...] = Field(
        default=("DCIM/**",),
        description='patterns within the footage folders that may be cleared, as ["DCIM/**"]',
    )
    flagged: tuple[values.Pattern, ...] = Field(
        default=("**/FLAGGED/**", "**/LOCKED/**"),
        description='patterns of clips that were marked as urgent, as ["**/LOCKED/**"]',
    )
    flagged_read_only: bool = Field(
        default=False,
        description="true or false: whether a clip is marked by the read-only attribute",
    )
    clock: Literal["mtime-utc", "mtime-local", "none"] = Field(
        default="none",
        description='what tells the camera\'s clock: "mtime-utc", "mtime-local" or "none"',
    )
    battery_file: MediumFile = Field(
        default="",
        description="the file in which it writes its charge when it is plugged in, as"
        ' "MISC/BATTERY.TXT"; "": none',
    )
    battery_error_percent: float = Field(
        default=3.0, ge=1, le=50, description="how far that may be off, in per cent"
    )


def parse_quirk(document: Mapping[str, Any]) -> QuirkConfig:
    """Return the quirk in a file's `document`.

    Raises:
        ConfigInvalid: with every problem, in the order of the file.
    """
    found = [*_clears_only_footage(document)]
    quirk = None
    try:
        quirk = QuirkConfig.model_validate_json(json.dumps(document, default=str))
    except ValidationError as error:
        found += problems.located(error, document=document, table=QuirkConfig)
    if found or quirk is None:
        raise ConfigInvalid(problems.in_order(found, document=document))
    return quirk


def _clears_only_footage(document: Mapping[str, Any]) -> Iterator[Located]:
    """A slip in a pattern must not clear a camera's settings."""
    clearable = document.get("clearable", ["DCIM/**"])
    footage = document.get("footage", ["DCIM"])
    if not isinstance(clearable, list) or not isinstance(footage, list):
        return
    for index, pattern in enumerate(clearable):
        below = [f"{folder}/" for folder in footage if isinstance(folder, str)]
        if isinstance(pattern, str) and not pattern.startswith(tuple(below)):
            yield Located(
                location=("clearable", index),
                reason=f"is {pattern!r}, which is not below a footage folder",
                would_be_right=f"begin it with {' or '.join(below) or 'a folder of footage'}",
            )
