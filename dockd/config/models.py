"""The models of the configuration, in the order of its file; every key says what it is.

A key's description is what a problem report says would be right, so each names its unit or its
choices. Rules that span several keys are in ``checks``.
"""

import platform
from functools import cached_property
from pathlib import Path
from typing import Final, Literal
from zoneinfo import ZoneInfo

from pydantic import Field

from dockd.config import values
from dockd.config.stores import StoreConfig, StoresConfig
from dockd.config.table import Table

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
ALL_DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_RESERVE_BYTES: Final = 20 * 1024**3
_LEAST_SHARE: Final = 10


class StationConfig(Table):
    """The station as people and other systems name it."""

    name: values.Name = Field(
        default_factory=platform.node,
        description="the station's name (letters, digits, . _ -); default: the hostname",
    )
    site: values.Name = Field(
        default="default", description="the site's name (letters, digits, . _ -)"
    )
    timezone: values.TimeZoneName = Field(
        default="",
        description='the time zone of windows and shifts, as "Europe/London"; "": the system\'s',
    )

    @cached_property
    def zone(self) -> ZoneInfo:
        """The time zone of windows and shifts."""
        if self.timezone:
            return ZoneInfo(self.timezone)
        with values.SYSTEM_ZONE.open("rb") as file:
            return ZoneInfo.from_file(file, key="localtime")


class SpoolConfig(Table):
    """The station's own durable store."""

    path: values.AbsolutePath = Field(
        default=Path("/var/lib/dockd"),
        description="the absolute path of the folder for footage and ledger",
    )
    reserve: values.Size | None = Field(
        default=None,
        description='the free space below which no new clip is accepted, as "20 GiB" or in bytes',
    )
    keep_stored_h: values.Quantity = Field(
        default=72,
        description="how long a stored clip's copy is kept when space allows, in hours, 0 or more",
    )
    partial_after_h: values.Quantity = Field(
        default=24,
        description="when a partial copy is uploaded without its camera, in hours, 0 or more",
    )

    def reserve_bytes(self, disk_bytes: int) -> int:
        """Return how much of a disk of this size stays free."""
        if self.reserve is not None:
            return self.reserve
        # More than that would leave a small disk, as in a trial, no room from the beginning.
        return min(_RESERVE_BYTES, disk_bytes // _LEAST_SHARE)


class AcceptRule(Table):
    """Which devices are cameras; everything else is refused."""

    family: values.Name = Field(description='the camera family, as "mass-storage"')
    vendor_id: values.UsbId | None = Field(
        default=None, description='the USB vendor id, four lower-case hex digits, as "46f4"'
    )
    product_id: values.UsbId | None = Field(
        default=None, description='the USB product id, four lower-case hex digits, as "0001"'
    )
    serial: str = Field(
        default="*", min_length=1, description='a pattern for serial numbers, as "BWC-*"'
    )
    clearable: tuple[values.Pattern, ...] | None = Field(
        default=None,
        description="patterns below the camera's root that may be cleared, as "
        '["DCIM/**"]; default: as the quirk file of its model says',
    )


class DirectoryCamerasConfig(Table):
    """Cameras that are directories RACK/SLOT/SERIAL/."""

    path: values.AbsolutePath = Field(description="the absolute path of the rack's folder")
    poll_s: values.PositiveQuantity = Field(
        default=0.25, description="how often the rack is looked at, in seconds, more than 0"
    )
    limit_mb_s: values.Quantity = Field(
        default=0, description="how fast one camera is read at most, in MB/s; 0: no limit"
    )


class CamerasConfig(Table):
    """What is docked."""

    auto_slots: bool = Field(
        default=False,
        description="true or false: whether every port with an accepted camera is a slot",
    )
    accept: tuple[AcceptRule, ...] = Field(default=(), description="tables [[cameras.accept]]")
    directory: DirectoryCamerasConfig | None = Field(
        default=None, description="a table [cameras.directory]"
    )


class SlotConfig(Table):
    """One bay of the rack."""

    name: values.Name = Field(description="the slot's name (letters, digits, . _ -)")
    port: values.Port | None = Field(
        default=None, description='its USB port, as "pci-0000:00:14.0-usb-0:1.1" (or "1-1.1")'
    )


class WindowConfig(Table):
    """A time of day with a rate of its own; one that ends before it begins passes midnight."""

    begins: values.TimeOfDay = Field(alias="from", description='when it begins, as "06:00"')
    ends: values.TimeOfDay = Field(alias="to", description='when it ends, as "08:00"')
    rate_limit_mbit_s: values.Quantity = Field(
        description="the rate limit meanwhile, in Mbit/s; 0: none"
    )


class UplinkConfig(Table):
    """The link to the stores."""

    rate_limit_mbit_s: values.Quantity = Field(
        default=0, description="the rate limit of all uploads together, in Mbit/s; 0: none"
    )
    windows: tuple[WindowConfig, ...] = Field(
        default=(),
        description='a list as [{ from = "06:00", to = "08:00", rate_limit_mbit_s = 20 }]',
    )
    parallel_clips: int = Field(
        default=2,
        ge=1,
        le=16,
        description="how many clips are uploaded at a time, 1 to 16; and one of up to 16 MiB",
    )


class WipeConfig(Table):
    """When a camera is cleared."""

    after: Literal["receipt", "never"] = Field(
        default="receipt", description='"receipt" or "never"'
    )
    rehash: Literal["after-break", "always"] = Field(
        default="after-break", description='"after-break" or "always"'
    )


class HoldsConfig(Table):
    """The holds that stations share."""

    url: values.OptionalHttpUrl = Field(
        default="",
        description='where central serves the signed list, as "https://central.example/holds.json" '
        '(https beyond loopback), or "" for none',
    )
    public_key: values.OptionalPublicKey = Field(
        default=None,
        description="the Ed25519 public key of its signature, 32 bytes as base64",
    )
    ca_file: values.OptionalFile = Field(
        default=None,
        description='the file of the certificate authorities to trust; "": the system\'s',
    )


class PowerConfig(Table):
    """What charges."""

    driver: str = Field(
        default="none",
        description='"usb-port", "cambrionix" or "none", or a charger of another package',
    )
    device: values.OptionalFile = Field(
        default=None, description='the hub\'s tty for cambrionix, as "/dev/ttyUSB0"'
    )
    budget_w: values.PositiveQuantity = Field(
        default=90, description="what all slots together may draw, in watts, more than 0"
    )
    camera_w: values.PositiveQuantity = Field(
        default=7.5, description="what one camera draws at worst, in watts, more than 0"
    )
    hold_percent: int = Field(
        default=80,
        ge=1,
        le=100,
        description="the charge held until a shift nears, 1 to 100 percent",
    )


class ShiftConfig(Table):
    """When cameras are needed."""

    start: values.TimeOfDay = Field(description='when the shift starts, as "05:40"')
    days: tuple[Day, ...] = Field(
        default=ALL_DAYS,
        min_length=1,
        description='a list of days, as ["mon", "tue"]; default: all',
    )
    cameras: int = Field(ge=1, description="how many charged cameras it needs, 1 or more")


class HttpConfig(Table):
    """Where the station answers."""

    listen: values.Listen = Field(
        default=values.ListenAddress("127.0.0.1", 8470),
        description='the address and port, as "127.0.0.1:8470"; port 0: any free one',
    )
    socket: values.SocketPath = Field(
        default=Path("/run/dockd/api.sock"),
        description="the absolute path of the Unix socket, at most 107 bytes",
    )
    tls_cert: values.OptionalFile = Field(
        default=None, description='the certificate, a file; "": none'
    )
    tls_key: values.OptionalFile = Field(
        default=None, description='the certificate\'s key, a file; "": none'
    )
    token_file: values.OptionalFile = Field(
        default=None, description='the file of the bearer token that readers show; "": none'
    )
    client_ca: values.OptionalFile = Field(
        default=None, description='the authority of client certificates, a file; "": none'
    )


class MqttConfig(Table):
    """The broker."""

    broker: values.BrokerUrl = Field(
        default="", description='"mqtt://host:1883", "mqtts://host:8883", or "" for none'
    )
    username: str = Field(default="", description='the name at the broker; "": none')
    password_file: values.OptionalFile = Field(
        default=None, description='the file of the password at the broker; "": none'
    )
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
    commands: bool = Field(
        default=False, description="whether commands that central signed are taken over MQTT"
    )
    command_keys: tuple[values.PublicKey, ...] = Field(
        default=(),
        description="a list of the keys that central signs commands with: Ed25519, 32 bytes as "
        "base64 each",
    )


class Config(Table):
    """The whole configuration; attributes are the file's keys."""

    station: StationConfig = Field(default_factory=StationConfig, description="a table [station]")
    spool: SpoolConfig = Field(default_factory=SpoolConfig, description="a table [spool]")
    cameras: CamerasConfig = Field(default_factory=CamerasConfig, description="a table [cameras]")
    slots: tuple[SlotConfig, ...] = Field(default=(), description="tables [[slots]]")
    stores: StoresConfig = Field(default_factory=StoresConfig, description="a table [stores]")
    store: tuple[StoreConfig, ...] = Field(default=(), description="tables [[store]]")
    uplink: UplinkConfig = Field(default_factory=UplinkConfig, description="a table [uplink]")
    wipe: WipeConfig = Field(default_factory=WipeConfig, description="a table [wipe]")
    holds: HoldsConfig = Field(default_factory=HoldsConfig, description="a table [holds]")
    power: PowerConfig = Field(default_factory=PowerConfig, description="a table [power]")
    shift: tuple[ShiftConfig, ...] = Field(default=(), description="tables [[shift]]")
    http: HttpConfig = Field(default_factory=HttpConfig, description="a table [http]")
    mqtt: MqttConfig = Field(default_factory=MqttConfig, description="a table [mqtt]")

    @property
    def counting_stores(self) -> frozenset[str]:
        """The stores that get every clip: of these, ``stores.required`` must have proven one."""
        return frozenset(store.name for store in self.store if store.takes == "all")

    @property
    def extra_stores(self) -> frozenset[str]:
        """The stores that get flagged clips as well; no wipe rests on them."""
        return frozenset(store.name for store in self.store if store.takes == "flagged")
