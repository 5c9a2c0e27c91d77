"""The rules that span several keys, checked on the document itself.

Not in the models: pydantic would check them only where every key is right already, and a person
is told everything that is wrong at once.
"""

import posixpath
from collections.abc import Callable, Iterator, Mapping
from datetime import time
from importlib.metadata import entry_points
from typing import Any, Final
from urllib.parse import urlsplit

from dockd.config.problems import Located, Location
from dockd.config.stores import KINDS
from dockd.config.values import ListenAddress, listen_address, time_of_day

Document = Mapping[str, Any]
_BESIDE: Final = frozenset({"kind", "name", "takes"})
Place = tuple[str | int | None, ...]


def across_keys(document: Document) -> Iterator[Located]:
    """Yield every problem that only shows when several keys are read together."""
    for check in _CHECKS:
        yield from check(document)


def _slots_are_distinct(document: Document) -> Iterator[Located]:
    yield from _repeated(document, "slots", key="name", right="give each slot its own name")
    yield from _repeated(document, "slots", key="port", right="give each slot its own port")


def _rules_mean_something(document: Document) -> Iterator[Located]:
    """A rule that fits every device would take a visitor's memory stick for a camera."""
    for index, rule in _tables(_table(document, "cameras").get("accept")):
        if rule.get("family") == "mass-storage" and not any(
            rule.get(key, "*") != "*" for key in ("vendor_id", "product_id", "serial")
        ):
            yield Located(
                location=("cameras", "accept", index),
                reason="accepts every disk there is",
                would_be_right="add vendor_id, product_id or a serial pattern of your cameras",
            )


def _stores_are_distinct(document: Document) -> Iterator[Located]:
    yield from _repeated(document, "store", key="name", right="give each store its own name")


def _stores_are_apart(document: Document) -> Iterator[Located]:
    """One place under two names would give two receipts for a single copy."""
    first: dict[Place, int] = {}
    for index, store in _tables(document.get("store")):
        found = _place_of(store)
        if found is None:
            continue
        key, place = found
        if place in first:
            yield Located(
                location=("store", index, key),
                reason=f"leads to the same place as store[{first[place]}] does: two receipts "
                "would stand for one copy",
                would_be_right="write another place, or remove one of the two",
            )
        first.setdefault(place, index)


def _place_of(store: Document) -> tuple[str, Place] | None:
    """Return where a store keeps footage, and the key that says so; None when it is malformed."""
    match store:
        case {"kind": "s3", "endpoint": str(endpoint), "bucket": str(bucket)}:
            return "bucket", (*_address(endpoint), bucket)
        case {"kind": "tus", "url": str(url)}:
            return "url", _address(url)
        case {"kind": "directory", "path": str(path)}:
            # Two slashes at the start are one to Linux, and two to POSIX.
            return "path", ("file", posixpath.normpath(f"/{path.lstrip('/')}"))
        case {"kind": str(kind)} if kind not in KINDS:
            # What says where a family of another package puts things is not known here.
            rest = sorted(f"{key}={value!r}" for key, value in store.items() if key not in _BESIDE)
            return "kind", (kind, *rest)
        case _:
            return None


def _address(url: str) -> Place:
    """Return host, port and path, whatever way they are written."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        # Said by the key's own check.
        return (url,)
    default = {"http": 80, "https": 443}.get(parts.scheme)
    return (parts.hostname, port or default, parts.path.rstrip("/"))


def _receipts_are_the_stores_own(document: Document) -> Iterator[Located]:
    """The word of anybody else would turn a key that only the store may turn."""
    for index, store in _tables(document.get("store")):
        url, receipts = store.get("url"), store.get("receipt_url")
        if not isinstance(url, str) or not isinstance(receipts, str):
            continue
        # Any other scheme is said by the key's own check.
        if receipts.startswith("https://") and _origin(url) != _origin(receipts):
            yield Located(
                location=("store", index, "receipt_url"),
                reason="leads to another origin than url does",
                would_be_right="write an address of url's scheme, host and port, over https",
            )


def _origin(url: str) -> Place:
    try:
        return (urlsplit(url).scheme, *_address(url)[:2])
    except ValueError:
        return (url,)


def _enough_stores(document: Document) -> Iterator[Located]:
    required, stores = _table(document, "stores").get("required", 1), document.get("store")
    if not isinstance(required, int) or not isinstance(stores, list) or not stores:
        return
    # One that gets some clips only can never be among those that every clip needs.
    count = sum(store.get("takes") != "flagged" for _, store in _tables(stores))
    if required > count:
        yield Located(
            location=("stores", "required"),
            reason=f"is {required}, and only {count} stores are configured that take all clips",
            would_be_right=f"write at most {count}, or add a [[store]]",
        )


def _windows_are_distinct(document: Document) -> Iterator[Located]:
    taken: set[int] = set()
    windows = _table(document, "uplink").get("windows")
    for index, window in _tables(windows):
        location = ("uplink", "windows", index)
        minutes = _minutes(window)
        if minutes is None:
            continue
        if not minutes:
            yield Located(
                location=location,
                reason="begins and ends at the same time",
                would_be_right='write a from and a to that differ, as "06:00" and "08:00"',
            )
        if taken & minutes:
            yield Located(
                location=location,
                reason="overlaps a window before it",
                would_be_right="end the one before the other begins",
            )
        taken |= minutes


def _minutes(window: Document) -> set[int] | None:
    """Return the minutes of the day that a window covers; None when it is malformed."""
    try:
        begins, ends = time_of_day(window.get("from")), time_of_day(window.get("to"))
    except ValueError:
        return None
    if not isinstance(begins, time) or not isinstance(ends, time):
        return None
    first, end = begins.hour * 60 + begins.minute, ends.hour * 60 + ends.minute
    return {minute % 1440 for minute in range(first, end if first <= end else end + 1440)}


def _http_is_guarded(document: Document) -> Iterator[Located]:
    http = _table(document, "http")
    yield from _together(("http",), http, "tls_cert", "tls_key")
    try:
        address = listen_address(http.get("listen", "127.0.0.1:0"))
    except ValueError:
        return
    if address.is_loopback:
        return
    for key in ("tls_cert", "tls_key"):
        if not http.get(key):
            yield Located(
                location=("http", key),
                reason="is missing, and http.listen is reachable from other machines",
                would_be_right=f"add {key}, or listen on 127.0.0.1",
            )
    if not http.get("token_file") and not http.get("client_ca"):
        yield Located(
            location=("http", "token_file"),
            reason="is missing, and so is client_ca, while http.listen is reachable from other "
            "machines",
            would_be_right="add token_file or client_ca, or listen on 127.0.0.1",
        )


def _mutual_tls_is_whole(document: Document) -> Iterator[Located]:
    yield from _together(("mqtt",), _table(document, "mqtt"), "client_cert", "client_key")
    for index, store in _tables(document.get("store")):
        yield from _together(("store", index), store, "client_cert", "client_key")


def _commands_can_be_believed(document: Document) -> Iterator[Located]:
    mqtt = _table(document, "mqtt")
    if mqtt.get("commands") is not True:
        return
    for key in ("broker", "command_keys"):
        if not mqtt.get(key):
            yield Located(
                location=("mqtt", key),
                reason="is missing, and commands are to be taken over MQTT",
                would_be_right=f"add {key}, or write commands = false",
            )


def _holds_can_be_believed(document: Document) -> Iterator[Located]:
    holds = _table(document, "holds")
    yield from _together(("holds",), holds, "url", "public_key")
    url = str(holds.get("url", ""))
    host = _address(url)[0]
    if url.startswith("http://") and not ListenAddress(str(host), 0).is_loopback:
        yield Located(
            location=("holds", "url"),
            reason="is plain HTTP, and leads to another machine",
            would_be_right="write https://",
        )


def _driver_is_installed(document: Document) -> Iterator[Located]:
    """Whichever package provides a charger, its name is known by its entry point."""
    driver = _table(document, "power").get("driver", "none")
    installed = sorted(entry.name for entry in entry_points(group="dockd.chargers"))
    if isinstance(driver, str) and driver not in installed:
        yield Located(
            location=("power", "driver"),
            reason=f"is {driver!r}, and no installed package has such a charger",
            would_be_right=f"write one of {', '.join(installed)}",
        )


def _hub_has_a_device(document: Document) -> Iterator[Located]:
    power = _table(document, "power")
    if power.get("driver") == "cambrionix" and not power.get("device"):
        yield Located(
            location=("power", "device"),
            reason='is missing, and power.driver is "cambrionix"',
            would_be_right='write the hub\'s tty, as "/dev/ttyUSB0"',
        )


def _together(where: Location, table: Document, one: str, other: str) -> Iterator[Located]:
    for present, absent in ((one, other), (other, one)):
        if table.get(present) and not table.get(absent):
            yield Located(
                location=(*where, absent),
                reason=f"is missing, and {present} is there",
                would_be_right=f"add {absent}, or remove {present}",
            )


def _repeated(document: Document, tables: str, *, key: str, right: str) -> Iterator[Located]:
    first: dict[str, int] = {}
    for index, table in _tables(document.get(tables)):
        value = table.get(key)
        if not isinstance(value, str):
            continue
        if value in first:
            yield Located(
                location=(tables, index, key),
                reason=f"is {value!r}, as {tables}[{first[value]}].{key} is",
                would_be_right=right,
            )
        first.setdefault(value, index)


def _table(document: Document, name: str) -> Document:
    table = document.get(name)
    return table if isinstance(table, dict) else {}


def _tables(value: object) -> Iterator[tuple[int, Document]]:
    for index, table in enumerate(value if isinstance(value, list) else ()):
        if isinstance(table, dict):
            yield index, table


_CHECKS: Final[tuple[Callable[[Document], Iterator[Located]], ...]] = (
    _slots_are_distinct,
    _rules_mean_something,
    _stores_are_distinct,
    _stores_are_apart,
    _receipts_are_the_stores_own,
    _enough_stores,
    _windows_are_distinct,
    _http_is_guarded,
    _mutual_tls_is_whole,
    _commands_can_be_believed,
    _holds_can_be_believed,
    _driver_is_installed,
    _hub_has_a_device,
)
