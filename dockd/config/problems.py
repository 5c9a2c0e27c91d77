"""What is wrong with a configuration, in words: pydantic's findings with what would be right."""

import difflib
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from dockd.config.models import Config
from dockd.config.stores import KINDS, kinds, table_of
from dockd.errors import ConfigProblem

Location = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """A problem and where in the document it is."""

    location: Location
    reason: str
    would_be_right: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key of the configuration; ``path`` has ``[]`` where a list is."""

    path: str
    name: str
    table: type[BaseModel]
    field: FieldInfo


Keys = tuple[Key, ...]


def all_keys(table: type[BaseModel] = Config, *, prefix: str = "") -> Iterator[Key]:
    """Yield every key below `table`, tables before what is in them."""
    for attribute, field in table.model_fields.items():
        name = field.alias or attribute
        path = f"{prefix}{name}"
        yield Key(path=path, name=name, table=table, field=field)
        in_list = typing.get_origin(field.annotation) is tuple
        for inner in _models_in(field.annotation):
            yield from all_keys(inner, prefix=f"{path}[]." if in_list else f"{path}.")


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:  # noqa: ANN401 - types have no type
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in typing.get_args(annotation):
        yield from _models_in(argument)


@cache
def _keys(table: type[BaseModel]) -> tuple[Key, ...]:
    return tuple(all_keys(table))


def located(
    error: ValidationError, *, document: Mapping[str, Any], table: type[BaseModel] = Config
) -> list[Located]:
    """Return every finding of `error` about a `table` as a problem with what would be right.

    ``document`` is what was found wrong.
    """
    keys = _keys(table)
    return [
        _explain(detail, _keys_at(detail["loc"], keys, document))
        for detail in error.errors(include_url=False)
    ]


def in_order(found: Sequence[Located], *, document: Mapping[str, Any]) -> list[ConfigProblem]:
    """Return `found` in the order of the file, one a key."""
    ordered = sorted(found, key=lambda problem: _position(document, problem.location))
    first = {problem.location: problem for problem in reversed(ordered)}
    return [
        ConfigProblem(
            key_path=key_path(problem.location),
            reason=problem.reason,
            would_be_right=problem.would_be_right,
        )
        for problem in ordered
        if first[problem.location] is problem
    ]


def key_path(location: Location) -> str:
    """Return a location as people write it: ``slots[1].name``."""
    text = ""
    for step in location:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def _position(document: object, location: Location) -> tuple[int, ...]:
    """Return where a location is in the file; what is missing there comes behind the rest."""
    position = []
    for step in location:
        if isinstance(step, int):
            position.append(step)
            document = document[step] if isinstance(document, list) else None
        else:
            names = list(document) if isinstance(document, dict) else []
            position.append(names.index(step) if step in names else len(names))
            document = document.get(step) if isinstance(document, dict) else None
    return tuple(position)


def _explain(detail: Any, keys: Keys) -> Located:  # noqa: ANN401 - pydantic's ErrorDetails
    location = _without_tag(detail["loc"])
    value = detail["input"]
    match detail["type"]:
        case "extra_forbidden":
            return _unknown(location, keys)
        case "missing":
            return Located(
                location=location,
                reason="is missing",
                would_be_right=f"add {_right(location, keys)}",
            )
        case "union_tag_not_found":
            return Located(
                location=(*location, "kind"),
                reason="is missing",
                would_be_right=f"add {_one_of(kinds())}",
            )
        case "union_tag_invalid":
            return Located(
                location=(*location, "kind"),
                reason=f"is {_shown(value.get('kind'))}",
                would_be_right=f"write {_one_of(kinds())}",
            )
        case _:
            return Located(
                location=location,
                reason=_wrong(detail),
                would_be_right=f"write {_right(location, keys)}",
            )


def _without_tag(location: Location) -> Location:
    """Return a location without the kind of store that pydantic puts into it."""
    match location:
        case ("store", int() as index, str() as kind, *rest) if kind in KINDS:
            return "store", index, *rest
        case _:
            return location


def _keys_at(location: Location, keys: Keys, document: Mapping[str, Any]) -> Keys:
    """Return the keys that a location may mean: in a store, those of its family alone."""
    match location:
        case ("store", int() as index, *_):
            store = document["store"][index]
            kind = store.get("kind") if isinstance(store, dict) else None
        case _:
            return keys
    if not isinstance(kind, str):
        return keys
    if kind in KINDS:
        return tuple(key for key in keys if not _is_of_store(key) or _is_of_kind(key, kind))
    try:
        table = table_of(kind)
    except ValueError:
        # Said of the entry itself.
        table = None
    others = tuple(key for key in keys if not _is_of_store(key))
    return others if table is None else (*others, *all_keys(table, prefix="store[]."))


def _is_of_store(key: Key) -> bool:
    return key.path.startswith("store[].")


def _is_of_kind(key: Key, kind: str) -> bool:
    return kind in typing.get_args(key.table.model_fields["kind"].annotation)


def _one_of(names: Sequence[str]) -> str:
    *others, last = (f'"{name}"' for name in names)
    return f"{', '.join(others)} or {last}"


def _unknown(location: Location, keys: Keys) -> Located:
    name = str(location[-1])
    siblings = [key.name for key in _siblings(location, keys)]
    close = difflib.get_close_matches(name, siblings, n=1, cutoff=0.6)
    elsewhere = [key.path for key in keys if key.name == name]
    if close:
        right = f"did you mean {close[0]}?"
    elif elsewhere:
        right = f"it belongs at {elsewhere[0]}; known here: {', '.join(siblings)}"
    else:
        right = f"known here: {', '.join(siblings)}"
    return Located(location=location, reason="is not a key of dockd", would_be_right=right)


def _siblings(location: Location, keys: Keys) -> list[Key]:
    depth = _pattern(location[:-1])
    prefix = f"{depth}." if depth else ""
    return [key for key in keys if key.path == f"{prefix}{key.name}"]


def _pattern(location: Location) -> str:
    return key_path(tuple("[]" if isinstance(step, int) else step for step in location)).replace(
        ".[]", "[]"
    )


def _right(location: Location, keys: Keys) -> str:
    while location:
        for key in keys:
            if key.path == _pattern(location):
                return key.field.description or key.name
        location = location[:-1]
    return "tables and keys as in the example"


def _wrong(detail: Any) -> str:  # noqa: ANN401 - pydantic's ErrorDetails
    shown = _shown(detail["input"])
    match detail["type"]:
        case "greater_than_equal" | "greater_than":
            return f"is {shown}, which is too small"
        case "less_than_equal":
            return f"is {shown}, which is too large"
        case "value_error":
            return f"{detail['ctx']['error']}: {shown}"
        case _:
            return f"is {shown}"


def _shown(value: object) -> str:
    text = repr(value) if not isinstance(value, bool) else str(value).lower()
    return text if len(text) <= 60 else f"{text[:57]}..."  # noqa: PLR2004 - one line of a terminal
