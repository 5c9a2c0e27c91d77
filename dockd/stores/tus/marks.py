"""What the ledger keeps of a tus upload, in words, so that a later process knows what was shown."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

# A part's words: the server confirmed its checksum; it merely says that it has it; and, of the last
# one, that it forgot the upload as soon as that was complete.
CHECKED: Final = "checked"
TOLD: Final = "told"
FORGOTTEN: Final = "forgotten"


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One complete upload.

    Attributes:
        upload: Its path at the store; "" when all that is known of it is its key.
        checked: Whether the server confirmed a checksum for every byte.
        kept: Whether the server can still be asked for it; some forget what is complete.
    """

    upload: str
    checked: bool = False
    kept: bool = True

    @classmethod
    def of_parts(cls, upload: str, etags: Mapping[int, str]) -> "Version":
        """Return the version that an upload's parts amount to."""
        words = [etag.split() for etag in etags.values()]
        return cls(
            upload=upload,
            checked=all(CHECKED in said for said in words),
            kept=not any(FORGOTTEN in said for said in words),
        )

    @classmethod
    def parse(cls, text: str) -> "Version":
        """Return the version that `str` wrote."""
        *words, upload = text.split(" ")
        return cls(upload=upload, checked=CHECKED in words, kept=FORGOTTEN not in words)

    def __str__(self) -> str:
        """Return it as the ledger keeps it."""
        words = [CHECKED] * self.checked + [FORGOTTEN] * (not self.kept)
        return " ".join((*words, self.upload))
