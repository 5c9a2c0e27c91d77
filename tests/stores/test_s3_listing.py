"""What an S3 store lists of parts, believed only to its last page."""

from functools import partial
from pathlib import Path

import pytest

from dockd.errors import StoreUnreachable
from tests.fakes.broken_s3 import Answer, Heard
from tests.fakes.clip_content import expected_of, sending
from tests.stores.s3_scene import CONTENT, always, talking_to

pytestmark = pytest.mark.asyncio


def part_pages(heard: Heard, *, pages: int, each: int = 1000) -> Answer:
    """List parts page by page, as S3 does."""
    marker = int(heard.query.get("part-number-marker", "0"))
    numbers = range(marker + 1, marker + each + 1)
    parts = "".join(
        f"<Part><PartNumber>{n}</PartNumber><ETag>e{n}</ETag><Size>1</Size></Part>" for n in numbers
    )
    more = marker + each < pages * each
    following = f"<NextPartNumberMarker>{marker + each}</NextPartNumberMarker>" if more else ""
    truncated = f"<IsTruncated>{'true' if more else 'false'}</IsTruncated>"
    root = "ListPartsResult"
    return Answer(body=f"<{root}>{truncated}{following}{parts}</{root}>".encode())


async def test_more_than_a_thousand_parts_are_listed_to_the_last(tmp_path: Path) -> None:
    """A list of parts is read page by page beyond the first thousand."""
    content = bytes(2500)
    expected = expected_of(content, part_size_bytes=1)
    async with talking_to(partial(part_pages, pages=3), tmp_path) as (store, _):
        with sending(content, expected=expected) as outgoing:
            parts = await store.arrived_parts(outgoing, upload_id="u1")
    assert parts == {index: f"e{index + 1}" for index in range(2500)}


@pytest.mark.parametrize("fault", ["cut by the network", "cut by the store", "in circles"])
async def test_a_truncated_list_of_parts_is_not_believed(tmp_path: Path, fault: str) -> None:
    """A list that ends early, or never, is an error and not a shorter list."""

    def script(heard: Heard) -> Answer:
        page = part_pages(heard, pages=2)
        match fault:
            case "cut by the network":
                return Answer(body=page.body, cut_at=5000)
            case "cut by the store":
                return Answer(body=page.body[:5000])
            case _:
                first = Heard("GET", heard.path, {}, {})
                return part_pages(first, pages=2)

    async with talking_to(script, tmp_path) as (store, _):
        with sending(CONTENT) as outgoing, pytest.raises(StoreUnreachable):
            await store.arrived_parts(outgoing, upload_id="u1")


async def test_a_page_that_says_there_is_more_but_not_where_is_not_the_last(tmp_path: Path) -> None:
    """IsTruncated without a marker means that parts are missing from the list."""
    body = b"<ListPartsResult><IsTruncated>true</IsTruncated></ListPartsResult>"
    async with talking_to(always(Answer(body=body)), tmp_path) as (store, _):
        with sending(CONTENT) as outgoing, pytest.raises(StoreUnreachable):
            await store.arrived_parts(outgoing, upload_id="u1")


async def test_a_part_of_another_size_has_not_arrived(tmp_path: Path) -> None:
    """A part that is listed with another size than it has is sent again."""
    async with talking_to(partial(part_pages, pages=1, each=2), tmp_path) as (store, _):
        with sending(CONTENT) as outgoing:
            # Of the two parts the second one is a single byte, as the list says of both.
            assert await store.arrived_parts(outgoing, upload_id="u1") == {1: "e2"}
