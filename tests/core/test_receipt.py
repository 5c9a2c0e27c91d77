"""Receipts: what a store's answer is worth, and never more."""

import base64
import hashlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockd.core.receipt import Expected, Found, Trust, composite_sha256, judge, whole_sha256

CONTENT = b"aabb"
PARTS = tuple(hashlib.sha256(part).hexdigest() for part in (b"aa", b"bb"))
EXPECTED = Expected(
    key="cam/x/p",
    size_bytes=4,
    sha256=hashlib.sha256(CONTENT).hexdigest(),
    part_size_bytes=2,
    part_sha256=PARTS,
)
OTHER = hashlib.sha256(b"aacc").hexdigest()
FULL = Trust(refuses_wrong_checksums=True, authentic=True)
FOUND = Found(size_bytes=4, version="v1")

checksums = st.sampled_from(
    [
        None,
        whole_sha256(EXPECTED.sha256),
        whole_sha256(OTHER),
        composite_sha256(PARTS),
        composite_sha256(PARTS[::-1]),
        composite_sha256(PARTS[:1]),
        "nonsense",
    ]
)
trusts = st.builds(Trust, refuses_wrong_checksums=st.booleans(), authentic=st.booleans())


@given(
    size=st.sampled_from([0, 4, 5]),
    checksum=checksums,
    read_back=st.sampled_from([None, EXPECTED.sha256, OTHER]),
    trust=trusts,
)
def test_only_proven_content_is_a_digest_receipt(
    size: int, checksum: str | None, read_back: str | None, trust: Trust
) -> None:
    """A digest receipt needs the right size, an authentic answer, and the content itself proven."""
    found = Found(size_bytes=size, version="v", checksum=checksum, read_back_sha256=read_back)
    judged = judge(found, expected=EXPECTED, trust=trust)
    right = {whole_sha256(EXPECTED.sha256), composite_sha256(PARTS)}
    by_checksum = read_back is None and checksum in right and trust.refuses_wrong_checksums
    proven = size == 4 and trust.authentic and (read_back == EXPECTED.sha256 or by_checksum)
    assert (judged.outcome == "receipt" and judged.strength == "digest") == proven


@pytest.mark.parametrize(
    "found",
    [
        replace(FOUND, size_bytes=5),
        replace(FOUND, read_back_sha256=OTHER),
        # What was read back here decides over what the store says of itself.
        replace(FOUND, read_back_sha256=OTHER, checksum=whole_sha256(EXPECTED.sha256)),
        replace(FOUND, checksum=whole_sha256(OTHER)),
        replace(FOUND, checksum=composite_sha256(PARTS[::-1])),
    ],
)
def test_other_content_is_a_conflict(found: Found) -> None:
    """Proof of other content is never any kind of receipt."""
    judged = judge(found, expected=EXPECTED, trust=FULL)
    assert (judged.outcome, judged.how) == ("conflict", "none")


def test_parts_of_another_size_prove_nothing_either_way() -> None:
    """A composite of another number of parts may be the same bytes: no proof, and no conflict."""
    judged = judge(
        replace(FOUND, checksum=composite_sha256(PARTS[:1])), expected=EXPECTED, trust=FULL
    )
    assert (judged.outcome, judged.strength, judged.how) == ("receipt", "size", "size")


def test_an_answer_without_proof_is_worth_its_size() -> None:
    """A 200 or a 412 alone proves nothing but a size."""
    judged = judge(FOUND, expected=EXPECTED, trust=FULL)
    assert (judged.outcome, judged.strength) == ("receipt", "size")


def test_a_composite_is_the_digest_of_the_parts_digests() -> None:
    """The composite is computed as Amazon S3 documents it."""
    joined = hashlib.sha256(b"".join(bytes.fromhex(part) for part in PARTS)).digest()
    assert composite_sha256(PARTS) == f"{base64.b64encode(joined).decode()}-2"
