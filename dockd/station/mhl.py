"""ASC MHL histories (the film world's hash lists), by the ASC's own library; `dockd export` alone.

The library writes in place, without an fsync, and a crash between its two files breaks what comes
later. So it works in a folder of its own, and what it made is handed back as content.
"""

import tempfile
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Final
from xml.parsers import expat
from xml.sax.saxutils import escape

import xxhash
from ascmhl import chain_xml_parser, hasher
from ascmhl.generator import MHLGenerationCreationSession
from ascmhl.hashlist import MHLCreatorInfo, MHLHashList, MHLProcess, MHLProcessInfo, MHLTool
from ascmhl.history import MHLHistory
from ascmhl.utils import datetime_isostring

import dockd

FOLDER: Final = "ascmhl"
_CHAIN: Final = "ascmhl_chain.xml"
# What the library writes of a first generation, to the byte: nothing vouches for a chain itself.
_FIRST_CHAIN: Final = """\
<?xml version="1.0" encoding="UTF-8"?>
<ascmhldirectory xmlns="urn:ASC:MHL:DIRECTORY:v2.0">
  <hashlist sequencenr="1">
    <path>{name}</path>
    <c4>{c4}</c4>
  </hashlist>
</ascmhldirectory>
"""
_ANY_DAY: Final = datetime(2000, 1, 1)  # noqa: DTZ001 - only the zone is asked for


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One file of a history: its place below the history's root, and what it was hashed to."""

    place: str
    size_bytes: int
    written_s: int
    xxh128: str


def listed(place: str, content: bytes, *, when: datetime) -> Listed:
    """Return a small file that was written just now, hashed."""
    return Listed(
        place=place,
        size_bytes=len(content),
        written_s=int(when.timestamp()),
        xxh128=xxhash.xxh128(content).hexdigest(),
    )


def history(
    name: str, files: Sequence[Listed], *, host: str, now: datetime, comment: str
) -> Mapping[str, bytes]:
    """Return the files of a first generation of process ``transfer`` for a folder called ``name``.

    Their names are below `FOLDER`. Every place is one that XML carries (``dockd.core.portable``).
    """
    with tempfile.TemporaryDirectory(prefix="dockd-mhl-") as scratch:
        root = Path(scratch) / name
        root.mkdir()
        session = MHLGenerationCreationSession(MHLHistory.load_from_path(str(root)))
        for file in files:
            session.append_file_hash(
                str(root / file.place),
                file.size_bytes,
                _labelled(datetime.fromtimestamp(file.written_s, UTC)),
                "xxh128",
                file.xxh128,
                hash_date=_labelled(now),
            )
        creator = MHLCreatorInfo()
        creator.tool = MHLTool("dockd", dockd.__version__)
        creator.creation_date = datetime_isostring(_labelled(now))
        creator.host_name = host
        creator.comment = comment
        process = MHLProcessInfo()
        process.process = MHLProcess("transfer")
        session.commit(creator, process)
        return {each.name: each.read_bytes() for each in sorted((root / FOLDER).iterdir())}


def said(files: Mapping[str, bytes]) -> Mapping[str, str]:
    """Return the xxh128 of each place that a history's ``files``, by their names, vouch for.

    Raises:
        ValueError: they are no history, or not as the history's chain has them, or the chain of
            a history that nobody went on with is not to the byte what was written.
    """
    _refuse_unless_ours(files)
    with tempfile.TemporaryDirectory(prefix="dockd-mhl-") as scratch:
        folder = Path(scratch) / FOLDER
        folder.mkdir()
        for name, content in files.items():
            (folder / name).write_bytes(content)
        try:
            for content in files.values():
                # The library leaves a file open that is no XML.
                expat.ParserCreate().Parse(content, True)  # noqa: FBT003 - it has no name
            lists = _lists(folder, names=files.keys() - {_CHAIN})
        except Exception as error:
            # The library fails in any way on what it did not write.
            said_of_it = str(error).replace(f"{scratch}/", "") or type(error).__name__
            raise ValueError(said_of_it) from error
    return {
        media.path: entry.hash_string
        for each in reversed(lists)
        for media in each.media_hashes
        for entry in media.hash_entries
        if entry.hash_format == "xxh128"
    }


def _refuse_unless_ours(files: Mapping[str, bytes]) -> None:
    """Let no byte differ of the chain over one list; longer ones others write in their form."""
    if _CHAIN not in files or len(files) != len({_CHAIN, "the list"}):
        return
    (name,) = files.keys() - {_CHAIN}
    c4 = hasher.hash_data(files[name], "c4")
    if files[_CHAIN] != _FIRST_CHAIN.format(name=escape(name), c4=c4).encode():
        raise ValueError(f"{_CHAIN} is not the chain over {name} that was written")


def _lists(folder: Path, *, names: AbstractSet[str]) -> Sequence[MHLHashList]:
    """Return the hash lists of a history's folder, as its chain has them."""
    chain = chain_xml_parser.parse(str(folder / _CHAIN))
    # The library opens what a chain names, wherever that is.
    if {each.ascmhl_filename for each in chain.generations} != names:
        raise ValueError("its chain names other files than there are")
    numbers = [each.generation_number for each in chain.generations]
    if numbers != [str(number) for number in range(1, len(names) + 1)]:
        raise ValueError("its chain does not count its files")
    return list(MHLHistory.load_from_path(str(folder.parent)).hash_lists)


def _labelled(when: datetime) -> datetime:
    """Return a time that the library, which labels any time with today's offset, labels rightly."""
    offset = datetime.fromisoformat(datetime_isostring(_ANY_DAY)).utcoffset() or timedelta(0)
    return when.astimezone(timezone(offset)).replace(tzinfo=None)
