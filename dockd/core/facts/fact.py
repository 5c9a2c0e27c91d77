"""What a fact is, and the table that every kind enters itself in."""

import base64
from dataclasses import dataclass, fields
from typing import ClassVar, Final, Literal

HoldKind = Literal["error", "legal"]
Strength = Literal["digest", "size"]
JsonValue = str | int | bool | list["JsonValue"] | dict[str, "JsonValue"] | None

registry: Final[dict[str, type["Fact"]]] = {}
"""Every kind of fact that was defined so far, by its name in the record."""


@dataclass(frozen=True, kw_only=True)
class Fact:
    """Something that happened, as plain fields; ``kind`` is its name in the record."""

    kind: ClassVar[str]
    sentence: ClassVar[str]

    def __init_subclass__(cls, *, kind: str = "", sentence: str = "") -> None:
        """Enter a fact in the table; a class without a ``kind`` is only a common base."""
        if kind:
            cls.kind = kind
            cls.sentence = sentence
            registry[kind] = cls

    def fields(self) -> dict[str, JsonValue]:
        """Return the fields as JSON values; raw path bytes become base64url."""
        return {field.name: _plain(getattr(self, field.name)) for field in fields(self)}


def _plain(value: object) -> JsonValue:
    match value:
        case bytes():
            return base64.urlsafe_b64encode(value).decode()
        case tuple():
            return [_plain(item) for item in value]
        case None | str() | int():
            return value
        case _:
            message = f"a fact's field cannot hold {type(value).__name__}"
            raise TypeError(message)
