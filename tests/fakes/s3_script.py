"""A well-mannered S3 store as a script for `broken_s3`; a test puts its own manners before it.

Its buckets' contents are digests: the script is asked before a body is read, and what a request's
body is, its signature announces (``x-amz-content-sha256``).
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from dockd.core.receipt import composite_sha256, whole_sha256
from tests.fakes.broken_s3 import Answer, Heard, Reset, Silence, created, error

Said = Answer | Reset | Silence
Meddle = Callable[[Heard], Said | None]


@dataclass(frozen=True)
class Piece:
    """A part, or an object that was put whole."""

    sha256: str
    size_bytes: int


@dataclass(frozen=True)
class S3Object:
    """What lies at a key: the parts it was made of, or itself alone."""

    pieces: tuple[Piece, ...]
    composite: bool

    @property
    def size_bytes(self) -> int:
        return sum(piece.size_bytes for piece in self.pieces)

    @property
    def checksum(self) -> str:
        sha256 = [piece.sha256 for piece in self.pieces]
        return composite_sha256(sha256) if self.composite else whole_sha256(sha256[0])


@dataclass
class Upload:
    """A multipart upload that is open."""

    path: str
    parts: dict[int, Piece] = field(default_factory=dict)


def _nothing(_: Heard) -> None:
    return None


@dataclass
class S3Script:
    """What the store has, by path; ``made`` counts the objects that came into being at each.

    ``meddle`` is asked first; what it leaves (None) is answered as S3 wants it. A store that does
    not ``verify`` takes any checksum and repeats what it was told, as some do.
    """

    meddle: Meddle = _nothing
    verifies: bool = True
    objects: dict[str, S3Object] = field(default_factory=dict)
    uploads: dict[str, Upload] = field(default_factory=dict)
    made: Counter[str] = field(default_factory=Counter)
    opened: int = 0

    def __call__(self, heard: Heard) -> Said:
        said = self.meddle(heard)
        return self.well(heard) if said is None else said

    def well(self, heard: Heard) -> Answer:
        """Answer as S3 wants it."""
        match heard.about:
            case "create":
                self.opened += 1
                self.uploads[f"u{self.opened}"] = Upload(heard.path)
                return created(f"u{self.opened}")
            case "put":
                return self._put(heard)
            case "head":
                return self._head(heard)
            case "delete":
                self.objects.pop(heard.path, None)
                return Answer(204)
            case "list-uploads":
                return self._list_uploads()
            case "part" | "list-parts" | "complete" | "abort":
                return self._of_upload(heard)
            case _:
                return error(404, "NoSuchKey")

    def _of_upload(self, heard: Heard) -> Answer:
        upload = self.uploads.get(heard.query["uploadId"])
        if upload is None:
            return error(404, "NoSuchUpload")
        match heard.about:
            case "part":
                return self._take_part(heard, upload)
            case "complete":
                return self._complete(heard, upload)
            case "abort":
                del self.uploads[heard.query["uploadId"]]
                return Answer(204)
            case _:
                listed = "".join(
                    f"<Part><PartNumber>{number}</PartNumber><ETag>{part.sha256}</ETag>"
                    f"<Size>{part.size_bytes}</Size></Part>"
                    for number, part in sorted(upload.parts.items())
                )
                return _document("ListPartsResult", f"<IsTruncated>false</IsTruncated>{listed}")

    def _take_part(self, heard: Heard, upload: Upload) -> Answer:
        if not self._believes(heard):
            return error(400, "BadDigest")
        piece = _piece(heard)
        upload.parts[int(heard.query["partNumber"])] = piece
        return Answer(headers={"ETag": piece.sha256})

    def _complete(self, heard: Heard, upload: Upload) -> Answer:
        if heard.path in self.objects:
            return error(412, "PreconditionFailed")
        pieces = tuple(piece for _, piece in sorted(upload.parts.items()))
        self._make(heard.path, S3Object(pieces, composite=True))
        del self.uploads[heard.query["uploadId"]]
        checksum = self.objects[heard.path].checksum
        return _document(
            "CompleteMultipartUploadResult",
            f"<ETag>e</ETag><ChecksumSHA256>{checksum}</ChecksumSHA256>",
        )

    def _put(self, heard: Heard) -> Answer:
        if not self._believes(heard):
            return error(400, "BadDigest")
        if heard.path in self.objects and "if-none-match" in heard.headers:
            return error(412, "PreconditionFailed")
        self._make(heard.path, S3Object((_piece(heard),), composite=False))
        return Answer(headers={"ETag": "e"})

    def _make(self, path: str, made: S3Object) -> None:
        self.objects[path] = made
        self.made[path] += 1

    def _head(self, heard: Heard) -> Answer:
        if heard.path.count("/") == 1:
            return Answer()
        found = self.objects.get(heard.path)
        if found is None:
            return Answer(404)
        headers = {"Content-Length": str(found.size_bytes), "ETag": "e"}
        return Answer(headers={**headers, "x-amz-checksum-sha256": found.checksum})

    def _list_uploads(self) -> Answer:
        listed = "".join(
            f"<Upload><Key>{upload.path.split('/', 2)[2]}</Key><UploadId>{name}</UploadId></Upload>"
            for name, upload in self.uploads.items()
        )
        return _document("ListMultipartUploadsResult", f"<IsTruncated>false</IsTruncated>{listed}")

    def _believes(self, heard: Heard) -> bool:
        told = heard.headers.get("x-amz-checksum-sha256")
        return not self.verifies or told == whole_sha256(_piece(heard).sha256)


def _piece(heard: Heard) -> Piece:
    size_bytes = int(heard.headers.get("content-length", "0"))
    return Piece(heard.headers["x-amz-content-sha256"], size_bytes)


def _document(root: str, inside: str) -> Answer:
    return Answer(body=f"<{root}>{inside}</{root}>".encode())
