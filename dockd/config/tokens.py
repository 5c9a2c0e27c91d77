"""What is asked of the token that readers beyond the station show: that nobody guesses it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from dockd.config.models import Config
from dockd.config.reading import load
from dockd.errors import ConfigInvalid, ConfigProblem

# At one guess a second and connection. `openssl rand -hex 32` makes four times as many.
LEAST_TOKEN_BYTES: Final = 16


def load_to_run(path: Path | None = None) -> Config:
    """Return the configuration as `load` does, with the file of its token looked into as well.

    Raises:
        ConfigInvalid: with every problem of every file.
    """
    config = load(path)
    wrong = [*_short_tokens(config)]
    if wrong:
        raise ConfigInvalid(wrong)
    return config


def _short_tokens(config: Config) -> Iterator[ConfigProblem]:
    file = config.http.token_file
    if file is None:
        return
    try:
        token = file.read_bytes().strip()
    except OSError:
        # One that comes later is read then, and until then nobody is let in.
        return
    if len(token) < LEAST_TOKEN_BYTES:
        yield ConfigProblem(
            key_path="http.token_file",
            reason=f"holds a token of {len(token)} characters, which can be guessed",
            would_be_right=f"write one of at least {LEAST_TOKEN_BYTES} into {file}, as "
            "`openssl rand -hex 32` makes",
        )
