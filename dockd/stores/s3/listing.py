"""What a bucket lists of unfinished uploads, page by page, believed only to its last page."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from dockd.errors import StoreUnreachable, UploadVanished
from dockd.stores.s3.client import Ask, S3Client
from dockd.stores.s3.xml import Element


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedPart:
    """A part as the store lists it; many stores list no checksum."""

    etag: str
    size_bytes: int
    checksum: str | None


async def parts(client: S3Client, *, key: str, upload_id: str) -> dict[int, ListedPart]:
    """Return every part of an upload, by index from 0.

    Raises:
        UploadVanished: the store does not know the upload.
        StoreUnreachable: the list is cut off or goes round in circles.
    """
    found: dict[int, ListedPart] = {}
    ask = Ask(method="GET", key=key, query={"uploadId": upload_id})
    async for page in _pages(client, ask, root="ListPartsResult", markers=_PART_MARKERS):
        for element in page.all("Part"):
            number = _number(element, "PartNumber")
            found[number - 1] = ListedPart(
                etag=_text(element, "ETag"),
                size_bytes=_number(element, "Size"),
                checksum=element.value("ChecksumSHA256"),
            )
    return found


async def uploads(client: S3Client, *, key: str) -> list[str]:
    """Return the ids of the unfinished uploads for exactly this key.

    Raises:
        StoreUnreachable: the list is cut off or goes round in circles.
    """
    found: list[str] = []
    ask = Ask(method="GET", query={"uploads": "", "prefix": key})
    try:
        async for page in _pages(
            client, ask, root="ListMultipartUploadsResult", markers=_UPLOAD_MARKERS
        ):
            found += [_text(u, "UploadId") for u in page.all("Upload") if u.value("Key") == key]
    except UploadVanished:
        # `rclone serve s3` says so where there is none at all.
        return []
    return found


async def objects(client: S3Client, *, prefix: str, after: str) -> list[str]:
    """Return the keys of one page of objects below ``prefix`` and behind ``after``, in order."""
    query = {"list-type": "2", "prefix": prefix, "start-after": after, "max-keys": "1000"}
    ask = Ask(method="GET", query=query)
    page = client.checked(await client.ask(ask), str(ask)).document("ListBucketResult")
    keys = [_text(element, "Key") for element in page.all("Contents")]
    # A store that knows no such parameters lists what was not asked for.
    return sorted(key for key in keys if key.startswith(prefix) and key > after)


# From the element that says where the next page begins to the parameter that asks for it.
_PART_MARKERS = {"NextPartNumberMarker": "part-number-marker"}
_UPLOAD_MARKERS = {"NextKeyMarker": "key-marker", "NextUploadIdMarker": "upload-id-marker"}


async def _pages(
    client: S3Client, ask: Ask, *, root: str, markers: dict[str, str]
) -> AsyncIterator[Element]:
    seen: set[tuple[str, ...]] = set()
    query = dict(ask.query)
    while True:
        page_ask = Ask(method=ask.method, key=ask.key, query=query)
        page = client.checked(await client.ask(page_ask), str(page_ask)).document(root)
        yield page
        if page.value("IsTruncated") != "true":
            return
        following = {name: page.value(element) or "" for element, name in markers.items()}
        place = tuple(following.values())
        if not any(place) or place in seen:
            raise StoreUnreachable(
                f"{page_ask}: the list is cut off and does not say where it goes on"
            )
        seen.add(place)
        query = {**ask.query, **following}


def _text(element: Element, name: str) -> str:
    value = element.value(name)
    if not value:
        raise StoreUnreachable(f"the store lists a {element.name} without {name}")
    return value


def _number(element: Element, name: str) -> int:
    value = _text(element, name)
    if not (value.isascii() and value.isdigit()):
        raise StoreUnreachable(f"the store lists a {element.name} whose {name} is no number")
    return int(value)
