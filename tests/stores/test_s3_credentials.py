"""Credentials that change under the daemon."""

from pathlib import Path

import pytest

from dockd.errors import StoreRefusedCredentials
from dockd.stores.s3.credentials import credentials_file


def test_new_keys_are_taken_up_when_the_file_is_replaced(tmp_path: Path) -> None:
    """Whoever rotates the keys replaces the file, and the next request carries the new ones."""
    path = tmp_path / "credentials"
    path.write_text("[default]\naws_access_key_id = old\naws_secret_access_key = a%b\n")
    credentials = credentials_file(path)
    assert credentials.current().access_key == "old"
    assert credentials.current().secret_key == "a%b"
    assert credentials.current().session_token is None
    replacement = tmp_path / "new"
    replacement.write_text(
        "# rotated\n[other]\naws_access_key_id = no\n"
        "[default]\naws_access_key_id=new\naws_secret_access_key=b\naws_session_token=t\n"
    )
    replacement.replace(path)
    assert credentials.current().access_key == "new"
    assert credentials.current().session_token == "t"


@pytest.mark.parametrize(
    "content",
    [
        None,
        b"",
        b"[other]\naws_access_key_id=a\naws_secret_access_key=s3cret\n",
        b"[default]\naws_access_key_id=a\n",
        b"aws_secret_access_key=s3cret\n",
        b"\xff\xfes3cret",
    ],
)
def test_credentials_that_cannot_be_used_are_refused_without_being_quoted(
    tmp_path: Path, content: bytes | None
) -> None:
    """A missing, foreign or incomplete file is the operators' to settle, and stays out of logs."""
    path = tmp_path / "credentials"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(StoreRefusedCredentials) as caught:
        credentials_file(path).current()
    assert str(path) in caught.value.reason
    assert "s3cret" not in caught.value.reason
