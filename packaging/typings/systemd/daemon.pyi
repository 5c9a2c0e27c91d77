# The part of systemd-python 235 that dockd uses. Source: sd-daemon(3) and the library's documentation.
from collections.abc import Sequence

LISTEN_FDS_START: int

def booted() -> bool: ...
def listen_fds(unset_environment: bool = ...) -> list[int]: ...
def notify(
    status: str,
    unset_environment: bool = ...,
    pid: int = ...,
    fds: Sequence[int] | None = ...,
) -> bool: ...
