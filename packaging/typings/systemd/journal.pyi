# The part of systemd-python 235 that dockd uses. Source: sd_journal_send(3) and the library's documentation.
from typing import TextIO

LOG_EMERG: int
LOG_ALERT: int
LOG_CRIT: int
LOG_ERR: int
LOG_WARNING: int
LOG_NOTICE: int
LOG_INFO: int
LOG_DEBUG: int

def send(
    MESSAGE: str,
    MESSAGE_ID: str | None = ...,
    CODE_FILE: str | None = ...,
    CODE_LINE: int | None = ...,
    CODE_FUNC: str | None = ...,
    **kwargs: str | bytes | int,
) -> None: ...
def sendv(*arguments: str | bytes) -> None: ...
def stream(identifier: str | None = ..., priority: int = ..., level_prefix: bool = ...) -> TextIO: ...
