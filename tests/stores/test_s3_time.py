"""Whose clock counts with an S3 store: its own, for signatures and for retention."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from dockd.errors import StoreRefusedCredentials
from tests.fakes.broken_s3 import Answer, Heard, created, error
from tests.fakes.clip_content import sending
from tests.stores.s3_scene import CONTENT, always, talking_to

pytestmark = pytest.mark.asyncio


@pytest.mark.parametrize("has_body", [True, False])
async def test_a_skewed_clock_is_corrected_from_the_refusal(tmp_path: Path, has_body: bool) -> None:
    """A refused clock is set right from the reply's Date, and the request succeeds."""
    theirs = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
    date = {"Date": format_datetime(theirs, usegmt=True)}

    def script(heard: Heard) -> Answer:
        if heard.headers["x-amz-date"].startswith(f"{theirs:%Y%m%dT%H}"):
            return Answer(headers=date)
        refusal = error(403, "RequestTimeTooSkewed")
        return Answer(403, refusal.body if has_body else b"", date)

    async with talking_to(script, tmp_path) as (store, server):
        with sending(CONTENT) as outgoing:
            await store.find_object(outgoing)
            await store.find_object(outgoing)
            assert store.clock_offset_s == timedelta(hours=3).total_seconds()
    assert len(server.heard) == 3


async def test_a_clock_that_stays_refused_is_a_refusal(tmp_path: Path) -> None:
    """A store that refuses its own time is not asked for ever."""
    async with talking_to(always(error(403, "RequestTimeTooSkewed")), tmp_path) as (store, server):
        with sending(CONTENT) as outgoing, pytest.raises(StoreRefusedCredentials):
            await store.create_upload(outgoing)
    assert len(server.heard) == 2


async def test_retention_counts_on_the_stores_clock(tmp_path: Path) -> None:
    """Object Lock's date comes from the store's Date, whatever the station's clock says."""
    theirs = datetime(2031, 1, 1, 12, 0, tzinfo=UTC)
    date = {"Date": format_datetime(theirs, usegmt=True)}

    def script(heard: Heard) -> Answer:
        answer = created() if heard.about == "create" else Answer()
        return Answer(body=answer.body, headers=date)

    async with talking_to(script, tmp_path, object_lock_days=30) as (store, server):
        with sending(CONTENT) as outgoing:
            await store.create_upload(outgoing)
    headers = server.heard[-1].headers
    assert headers["x-amz-object-lock-retain-until-date"] == "2031-01-31T12:00:00Z"
    assert headers["x-amz-object-lock-mode"] == "GOVERNANCE"
