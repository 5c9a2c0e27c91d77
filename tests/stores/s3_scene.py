"""An S3 store and the server that it talks to, which answers as a script says."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from dockd.core.receipt import whole_sha256
from dockd.stores.http.endpoint import Patience
from dockd.stores.s3 import S3Options, S3Store
from tests.fakes.broken_s3 import (
    Answer,
    BrokenS3,
    Heard,
    Reset,
    Script,
    Silence,
    broken_s3,
    created,
    error,
)
from tests.fakes.clip_content import PART_BYTES, content_of, expected_of
from tests.fakes.still_clock import StillClock

CONTENT = content_of(PART_BYTES + 1)


EXPECTED = expected_of(CONTENT)


IMPATIENT = Patience(connect_s=5.0, progress_s=0.3, why_s=0.3, complete_s=0.3)


@asynccontextmanager
async def talking_to(
    script: Script,
    folder: Path,
    *,
    clock: StillClock | None = None,
    patience: Patience | None = None,
    object_lock_days: int = 0,
) -> AsyncIterator[tuple[S3Store, BrokenS3]]:
    """Give a store and the broken server that it talks to."""
    clock = clock or StillClock()
    credentials = folder / "credentials"
    credentials.write_text("[default]\naws_access_key_id=a\naws_secret_access_key=s3cret\n")
    async with broken_s3(script, clock=clock) as server:
        options = S3Options(
            name="central",
            endpoint=server.endpoint,
            bucket="footage",
            station="test-01",
            credentials=credentials,
            patience=patience or Patience(connect_s=5.0, progress_s=5.0),
            object_lock_days=object_lock_days,
        )
        store = S3Store(options, clock=clock)
        try:
            yield store, server
        finally:
            await store.close()


def always(answer: Answer | Reset | Silence) -> Script:
    """Answer everything in one way."""
    return lambda _: answer


def by_operation(**answers: Answer | Reset | Silence) -> Script:
    """Answer each operation in its own way; an operation that is not foreseen is a mistake."""
    return lambda heard: answers.get(heard.about.replace("-", "_"), error(400, "Unforeseen"))


def honest(heard: Heard) -> Answer:
    """Pass the probe: verify what comes, as a good store does."""
    right = heard.headers.get("x-amz-checksum-sha256") == _sha256_of(heard)
    match heard.about:
        case "create":
            return created()
        case "part" | "put":
            return Answer(headers={"ETag": '"e"'}) if right else error(400, "BadDigest")
        case _:
            return Answer(204)


def _sha256_of(heard: Heard) -> str:
    # The body is not read yet when the script is asked; its digest is announced and signed.
    return whole_sha256(heard.headers["x-amz-content-sha256"])
