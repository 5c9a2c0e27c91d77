"""The configuration: TOML to frozen models, with every problem reported at once.

`packaging/dockd.toml.example` is its documentation; DESIGN.md sections 5 and 9 are its contract.
"""

from dockd.config.doubts import doubts
from dockd.config.models import (
    AcceptRule,
    CamerasConfig,
    Config,
    DirectoryCamerasConfig,
    HttpConfig,
    MqttConfig,
    PowerConfig,
    ShiftConfig,
    SlotConfig,
    SpoolConfig,
    StationConfig,
    UplinkConfig,
    WindowConfig,
    WipeConfig,
)
from dockd.config.reading import DEFAULT_PATH, load, locate, parse
from dockd.config.stores import (
    DirectoryStoreConfig,
    OtherStoreConfig,
    S3StoreConfig,
    StoreConfig,
    StoresConfig,
    TusStoreConfig,
)
from dockd.config.tokens import LEAST_TOKEN_BYTES, load_to_run
from dockd.config.values import ListenAddress

__all__ = [
    "DEFAULT_PATH",
    "LEAST_TOKEN_BYTES",
    "AcceptRule",
    "CamerasConfig",
    "Config",
    "DirectoryCamerasConfig",
    "DirectoryStoreConfig",
    "HttpConfig",
    "ListenAddress",
    "MqttConfig",
    "OtherStoreConfig",
    "PowerConfig",
    "S3StoreConfig",
    "ShiftConfig",
    "SlotConfig",
    "SpoolConfig",
    "StationConfig",
    "StoreConfig",
    "StoresConfig",
    "TusStoreConfig",
    "UplinkConfig",
    "WindowConfig",
    "WipeConfig",
    "doubts",
    "load",
    "load_to_run",
    "locate",
    "parse",
]
