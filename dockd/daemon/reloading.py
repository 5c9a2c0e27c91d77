"""SIGHUP: what can change live, changes; what cannot is said, and waits for a restart."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dockd import config as configs
from dockd.config import Config
from dockd.config.table import Table
from dockd.daemon import building
from dockd.daemon.signals import Signals
from dockd.daemon.station import (
    Station,
    housekeeping_policy,
    upload_policy,
    wipe_policy,
)
from dockd.errors import ConfigInvalid
from dockd.ports.journal import Journal
from dockd.station.notify import Notifier

_SUBJECT: Final = "configuration"
# The driver and its device are built into the station; what the planner is held to is not.
_POWER: Final = ("budget_w", "camera_w", "hold_percent")
_LIVE: Final = (
    "uplink",
    "wipe",
    "spool.keep_stored_h",
    "spool.partial_after_h",
    "shift",
    *(f"power.{key}" for key in _POWER),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a new configuration changes, by key: what is in force now, and what needs a restart."""

    live: tuple[str, ...]
    later: tuple[str, ...]


def compare(old: Config, new: Config) -> Change:
    """Return which keys differ, as ``table.key``, and whether they can change live."""
    changed = tuple(_changed(old, new))
    live = tuple(key for key in changed if any(_is_below(key, known) for known in _LIVE))
    return Change(live=live, later=tuple(key for key in changed if key not in live))


def _changed(old: Config, new: Config) -> Iterator[str]:
    # The models themselves are compared: dumping them would serialise values that no file has.
    for table in Config.model_fields:
        before, after = getattr(old, table), getattr(new, table)
        if isinstance(before, Table) and isinstance(after, Table):
            for key in type(before).model_fields:
                if getattr(before, key) != getattr(after, key):
                    yield f"{table}.{key}"
        elif before != after:
            yield table


def _is_below(key: str, known: str) -> bool:
    return key == known or key.startswith(f"{known}.")


def apply(station: Station, new: Config) -> Change:
    """Put in force what can be; the rest of the running configuration stays as it is."""
    change = compare(station.config, new)
    # Only these parts of the new configuration are taken over; the others were built into the
    # station when it started.
    station.config = station.config.model_copy(
        update={
            "uplink": new.uplink,
            "wipe": new.wipe,
            "shift": new.shift,
            "power": station.config.power.model_copy(
                update={key: getattr(new.power, key) for key in _POWER}
            ),
            "spool": station.config.spool.model_copy(
                update={
                    "keep_stored_h": new.spool.keep_stored_h,
                    "partial_after_h": new.spool.partial_after_h,
                }
            ),
        }
    )
    station.wipe.policy = wipe_policy(station.config)
    station.housekeeping.policy = housekeeping_policy(station.config)
    for upload in station.uploads:
        upload.policy = upload_policy(station.config)
    if station.charge is not None:
        station.charge.policy = building.charge_policy(station.config)
    station.throttle.policy = building.throttle_policy(station.config)
    station.throttle.apply()
    return change


async def reload_on_request(
    station: Station,
    *,
    path: Path | None,
    signals: Signals,
    journal: Journal,
    notifier: Notifier,
    reloaded: Callable[[], None],
) -> None:
    """Reload whenever asked to, until cancelled; a configuration that is wrong changes nothing.

    ``reloaded`` is called after each change that took place.
    """
    while True:
        await signals.reload.wait()
        signals.reload.clear()
        notifier.reloading()
        try:
            change = apply(station, configs.load_to_run(path))
            reloaded()
        except ConfigInvalid as error:
            journal.say(
                "reload-refused",
                "The new configuration is wrong; the station goes on with the one it has.",
                level="error",
                reason=error.reason,
            )
            await station.problems.open_or_reword(
                ConfigInvalid.slug, subject=_SUBJECT, reason=error.reason
            )
        else:
            await station.problems.clear(ConfigInvalid.slug, subject=_SUBJECT)
            journal.say(
                "reloaded",
                "The configuration was read again.",
                level="notice",
                in_force=", ".join(change.live) or "nothing new",
                needs_restart=", ".join(change.later) or "nothing",
            )
        notifier.ready()
