"""From configuration to parts: families by their entry points, each wrapped and given its lane."""

import importlib.metadata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from dockd.config import Config, StoreConfig
from dockd.config.models import ALL_DAYS
from dockd.core.announcement import Topics
from dockd.core.charge_words import PlanPolicy
from dockd.core.schedule import RateWindow
from dockd.core.shifts import Shift
from dockd.errors import ConfigInvalid, ConfigProblem
from dockd.ports.broker import Broker
from dockd.ports.camera import CameraSource
from dockd.ports.charger import Charger
from dockd.ports.clock import Clock
from dockd.ports.commands import Seal
from dockd.ports.equipment import Equipment
from dockd.ports.holds import HoldsList
from dockd.ports.store import Store, TellsTime
from dockd.stages.charge import ChargePolicy
from dockd.stages.throttle import ThrottlePolicy
from dockd.stores.guarded import GuardedStore
from dockd.stores.rate_limited import RateLimitedStore, SharedRate
from dockd.stores.retrying import RetryingStore
from dockd.stores.windowed import WindowedStore

_CAMERAS: Final = "dockd.cameras"
_BITS_PER_BYTE: Final = 8
_MEGA: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreLane:
    """One configured store as the stages use it, with what the reports ask of its wrappers.

    ``vouches`` says whether its word for the time is believed where it matters.
    """

    store: Store
    breaker: Callable[[], str]
    sent_bytes: Callable[[], int]
    clock_offset_s: Callable[[], float | None]
    vouches: bool


def family(group: str, name: str) -> Callable[..., Any]:
    """Return a family's factory, from whichever installed package provides it.

    Raises:
        ConfigInvalid: no installed package provides it.
    """
    for entry in importlib.metadata.entry_points(group=group, name=name):
        factory: Callable[..., Any] = entry.load()
        return factory
    raise ConfigInvalid(
        [
            ConfigProblem(
                key_path=group.removeprefix("dockd."),
                reason=f"no family {name!r} is installed",
                would_be_right="one of "
                + ", ".join(sorted(e.name for e in importlib.metadata.entry_points(group=group))),
            )
        ]
    )


def stores(config: Config, *, rate: SharedRate, clock: Clock) -> Mapping[str, StoreLane]:
    """Return every configured store by its name, wrapped from the inside out.

    The rate is innermost, for it concerns bytes; then the window of parts in flight, which learns
    from each try; then the retries; then the breaker, which sees a call as failed only when its
    retries are used up.
    """
    return {entry.name: _lane(entry, config, rate=rate, clock=clock) for entry in config.store}


def _lane(entry: StoreConfig, config: Config, *, rate: SharedRate, clock: Clock) -> StoreLane:
    make = family("dockd.stores", entry.kind)
    plain: Store = make(
        entry, station=config.station.name, spool_path=config.spool.path, clock=clock
    )
    limited = RateLimitedStore(plain, rate=rate)
    guard = GuardedStore(RetryingStore(WindowedStore(limited), clock=clock), clock=clock)
    return StoreLane(
        store=guard,
        breaker=lambda: guard.breaker,
        sent_bytes=lambda: limited.sent_bytes,
        clock_offset_s=lambda: plain.clock_offset_s if isinstance(plain, TellsTime) else None,
        vouches=isinstance(plain, TellsTime) and plain.authentic,
    )


def holds_list(config: Config) -> HoldsList | None:
    """Return where the holds of other stations come from, None where none are shared."""
    if not config.holds.url or config.holds.public_key is None:
        return None
    from dockd.station.central.holds import (  # noqa: PLC0415  few have one, and it takes 6 MiB
        CentralHolds,
    )

    return CentralHolds(
        config.holds.url,
        public_key=config.holds.public_key,
        ca_file=config.holds.ca_file,
        folder=config.spool.path,
    )


def topics(config: Config) -> Topics:
    """Return the MQTT topics of the station."""
    return Topics(config.station.site, config.station.name)


def broker(config: Config) -> Broker | None:
    """Return the broker that is told of the station, None where there is none."""
    mqtt = config.mqtt
    if not mqtt.broker:
        return None
    from dockd.station.mqtt import (  # noqa: PLC0415  most stations have none, and it takes 6 MiB
        BrokerSettings,
        MqttBroker,
    )

    settings = BrokerSettings(
        url=mqtt.broker,
        username=mqtt.username,
        password_file=mqtt.password_file,
        ca_file=mqtt.ca_file,
        client_cert=mqtt.client_cert,
        client_key=mqtt.client_key,
    )
    return MqttBroker(settings, topics=topics(config))


def command_seal(config: Config) -> Seal | None:
    """Return what tells central's commands from others, None where none are taken."""
    if not config.mqtt.commands:
        return None
    from dockd.station.central.commands import (  # noqa: PLC0415  most stations take none
        CommandSeal,
    )

    return CommandSeal(config.mqtt.command_keys)


def camera_sources(config: Config, *, equipment: Equipment) -> Mapping[str, CameraSource]:
    """Return what watches each installed family's slots, of those that the configuration has.

    Raises:
        ConfigInvalid: a rule names a family that no installed package provides.
    """
    installed = importlib.metadata.entry_points(group=_CAMERAS)
    for rule in config.cameras.accept:
        family(_CAMERAS, rule.family)
    sources: dict[str, CameraSource] = {}
    for entry in sorted(installed, key=lambda entry: entry.name):
        source = entry.load()().source(config, equipment)
        if source is not None:
            sources[entry.name] = source
    return sources


def charger(config: Config, *, equipment: Equipment) -> Charger | None:
    """Return what powers the slots; None where dockd has no say in it.

    Raises:
        ConfigInvalid: no installed package provides the driver.
    """
    if config.power.driver == "none":
        return None
    made: Charger = family("dockd.chargers", config.power.driver)().charger(config, equipment)
    return made


def charge_policy(config: Config) -> ChargePolicy:
    """Return the configuration's rules for charging."""
    return ChargePolicy(
        plan=PlanPolicy(
            budget_w=config.power.budget_w,
            camera_w=config.power.camera_w,
            hold_percent=config.power.hold_percent,
        ),
        shifts=tuple(
            Shift(
                start=entry.start,
                cameras=entry.cameras,
                days=frozenset(ALL_DAYS.index(day) for day in entry.days),
            )
            for entry in config.shift
        ),
        timezone=config.station.zone,
    )


def throttle_policy(config: Config) -> ThrottlePolicy:
    """Return the uplink's limits by the time of day, in bytes per second."""
    return ThrottlePolicy(
        windows=[
            RateWindow(
                start=window.begins,
                end=window.ends,
                rate_bytes_s=_bytes_s(window.rate_limit_mbit_s),
            )
            for window in config.uplink.windows
        ],
        default_bytes_s=_bytes_s(config.uplink.rate_limit_mbit_s),
        timezone=config.station.zone,
    )


def _bytes_s(mbit_s: float) -> float:
    return mbit_s * _MEGA / _BITS_PER_BYTE
