"""Credentials from an AWS shared-credentials file."""

import configparser
from pathlib import Path
from typing import Final

from dockd.stores.http.rereading import RereadFile
from dockd.stores.s3.sigv4 import Credentials

_PROFILE: Final = "default"


def credentials_file(path: Path) -> RereadFile[Credentials]:
    """Return the file's profile ``[default]``, as it is whenever it is asked for.

    Source: AWS SDKs and Tools Reference Guide, "Shared config and credentials files".
    """
    return RereadFile(path, parse=_parsed)


def _parsed(text: str) -> Credentials:
    parser = configparser.ConfigParser(interpolation=None, default_section="")
    try:
        parser.read_string(text)
        profile = parser[_PROFILE]
        return Credentials(
            access_key=profile["aws_access_key_id"],
            secret_key=profile["aws_secret_access_key"],
            session_token=profile.get("aws_session_token"),
        )
    except KeyError as error:
        raise ValueError(f"{error.args[0]} is missing") from error
    except configparser.Error as error:
        raise ValueError("it is not a shared-credentials file") from error
