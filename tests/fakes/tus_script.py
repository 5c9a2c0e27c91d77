"""A well-mannered tus server as a script for `broken_s3`; a test puts its own manners before it."""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from tests.fakes.broken_s3 import Answer, Heard, Reset, Silence

Said = Answer | Reset | Silence
Meddle = Callable[[Heard], Said | None]
EXTENSIONS: Final = "creation,creation-with-upload,expiration,termination"


def _nothing(_: Heard) -> None:
    return None


@dataclass
class TusScript:
    """What the server has: per upload its length and its offset.

    ``meddle`` is asked first; what it leaves (None) is answered as tus 1.0 wants it.
    """

    extensions: str = EXTENSIONS
    max_size_bytes: int = 0
    checksums: str = ""
    meddle: Meddle = _nothing
    uploads: dict[str, list[int]] = field(default_factory=dict)

    def __call__(self, heard: Heard) -> Said:
        said = self.meddle(heard)
        return self.well(heard) if said is None else said

    def well(self, heard: Heard) -> Answer:
        match heard.method:
            case "OPTIONS":
                return Answer(204, headers=self._abilities())
            case "POST":
                return self._created(heard)
            case "HEAD" | "PATCH" | "DELETE" if heard.path in self.uploads:
                return self._of_upload(heard)
            case _:
                return Answer(404)

    def taken(self, path: str, size_bytes: int) -> Answer:
        """Take some bytes of a PATCH and say so."""
        self.uploads[path][1] += size_bytes
        return Answer(204, headers={"Upload-Offset": str(self.uploads[path][1])})

    def _abilities(self) -> Mapping[str, str]:
        limit = {"Tus-Max-Size": str(self.max_size_bytes)} if self.max_size_bytes else {}
        checks = {"Tus-Checksum-Algorithm": self.checksums} if self.checksums else {}
        return {"Tus-Version": "1.0.0", "Tus-Extension": self.extensions, **limit, **checks}

    def _created(self, heard: Heard) -> Answer:
        path = f"/files/u{len(self.uploads) + 1}"
        arrived = int(heard.headers.get("content-length", "0"))
        self.uploads[path] = [int(heard.headers["upload-length"]), arrived]
        return Answer(201, headers={"Location": path, "Upload-Offset": str(arrived)})

    def _of_upload(self, heard: Heard) -> Answer:
        length, offset = self.uploads[heard.path]
        match heard.method:
            case "HEAD":
                return Answer(
                    200, headers={"Upload-Offset": str(offset), "Upload-Length": str(length)}
                )
            case "DELETE":
                del self.uploads[heard.path]
                return Answer(204)
            case _ if int(heard.headers["upload-offset"]) != offset:
                return Answer(409)
            case _:
                return self.taken(heard.path, int(heard.headers["content-length"]))


def on(method: str, *answers: Said | None) -> Meddle:
    """Give these answers to a method, one after another and the last one for ever."""
    left = list(answers)

    def meddle(heard: Heard) -> Said | None:
        if heard.method != method:
            return None
        return left.pop(0) if len(left) > 1 else left[0]

    return meddle


def metadata_of(heard: Heard) -> Mapping[str, str]:
    """Return what an upload's creation says of it."""
    pairs = (pair.split(" ") for pair in heard.headers["upload-metadata"].split(","))
    return {name: base64.b64decode(value).decode() for name, value in pairs}
