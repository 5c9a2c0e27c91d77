"""Credentials that change under the daemon."""

from pathlib import Path

import pytest

from dockd.errors import StoreRefusedCredentials
from dockd.stores.s3 import S3Options, S3Store
from dockd.stores.s3.credentials import credentials_file
from tests.fakes.broken_s3 import Answer, Heard, broken_s3, created, error
from tests.fakes.clip_content import PART_BYTES, content_of, sending
from tests.fakes.still_clock import StillClock


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


@pytest.mark.asyncio
@pytest.mark.parametrize("file_is_first", [True, False])
async def test_keys_that_rotate_in_the_middle_of_an_upload_cost_nothing(
    tmp_path: Path, *, file_is_first: bool
) -> None:
    """The upload goes on under the new keys with the part that is next, also after a refusal."""
    valid = {"old"}
    heard: list[tuple[str, str]] = []

    def answer(request: Heard) -> Answer:
        key = request.headers["authorization"].partition("Credential=")[2].partition("/")[0]
        if key not in valid:
            return error(403, "InvalidAccessKeyId")
        heard.append((request.about + request.query.get("partNumber", ""), key))
        return created("u1") if request.about == "create" else Answer(200, b"", {"ETag": '"e"'})

    def rotate() -> None:
        replacement = tmp_path / "new"
        _write(replacement, key="new")
        replacement.replace(tmp_path / "credentials")

    _write(tmp_path / "credentials", key="old")
    async with broken_s3(answer, clock=StillClock()) as server:
        store = S3Store(
            S3Options(
                name="central",
                endpoint=server.endpoint,
                bucket="footage",
                station="test-01",
                credentials=tmp_path / "credentials",
            ),
            clock=StillClock(),
        )
        with sending(content_of(PART_BYTES + 1)) as outgoing:
            upload_id = await store.create_upload(outgoing)
            await store.send_part(outgoing, upload_id=upload_id, index=0)
            if file_is_first:
                rotate()
            valid.clear()
            valid.add("new")
            if not file_is_first:
                with pytest.raises(StoreRefusedCredentials):
                    await store.send_part(outgoing, upload_id=upload_id, index=1)
                rotate()
            await store.send_part(outgoing, upload_id=upload_id, index=1)
        await store.close()
    assert heard == [("create", "old"), ("part1", "old"), ("part2", "new")]


def _write(path: Path, *, key: str) -> None:
    path.write_text(f"[default]\naws_access_key_id={key}\naws_secret_access_key={key}-secret\n")
