"""Promises of the rules: only a storage device and nothing else, by a rule, is a camera."""

import tomllib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dockd.core.catalogue import CATALOGUE
from dockd.helper.rules import Identity, Rule, interfaces, is_hub, judge
from tests.helper.fake_sysfs import KEYBOARD, STORAGE, descriptors

RULE = Rule(family="mass-storage", vendor_id="46f4", product_id="0001", serial="BWC-*")


def refused_as(
    *,
    raw: bytes = descriptors(STORAGE),
    serial: str = "BWC-1",
    vendor_id: str = "46f4",
    rule: Rule = RULE,
) -> str | None:
    """Judge a device; return the slug of the refusal, or None."""
    identity = Identity(vendor_id=vendor_id, product_id="0001", serial=serial, descriptors=raw)
    error = judge(identity, slot="A1", rules=[rule])
    if error is None:
        return None
    return error.slug if error.slug in CATALOGUE and "A1" in error.reason else "unheard of"


UAS = (0, 8, 6, 0x62)
SOUND = descriptors(STORAGE)


@pytest.mark.parametrize(
    ("raw", "slug"),
    [
        (SOUND, None),
        (descriptors((*STORAGE, UAS)), None),
        (descriptors(STORAGE, configurations=2), None),
        (descriptors(KEYBOARD), "camera-not-storage"),
        (descriptors((*STORAGE, (1, 3, 1, 1))), "camera-not-storage"),
        (descriptors((*STORAGE, (1, 8, 6, 0x50))), "camera-not-storage"),
        (descriptors((*STORAGE, (0, 2, 6, 0))), "camera-not-storage"),
        (descriptors(((0, 8, 4, 0),)), "camera-not-storage"),
        (descriptors(((0, 9, 0, 0),)), "camera-not-storage"),
        (b"", "camera-not-storage"),
        (SOUND[:-1], "camera-not-storage"),
        (SOUND + descriptors(KEYBOARD)[18:], "camera-not-storage"),
        (SOUND[:18], "camera-not-storage"),
        (SOUND[:17] + b"\x02" + SOUND[18:], "camera-not-storage"),
        # An interface that says it is longer or shorter than one, as a kernel might read on.
        (SOUND.replace(bytes((9, 4, 0)), bytes((8, 4, 0))), "camera-not-storage"),
        (SOUND.replace(bytes((7, 5)), bytes((0, 5))), "camera-not-storage"),
        # What has no place within a configuration.
        (SOUND.replace(bytes((7, 5)), bytes((7, 1))), "camera-not-storage"),
        (SOUND.replace(bytes((7, 5)), bytes((7, 2))), "camera-not-storage"),
    ],
)
def test_only_storage_and_nothing_else_is_a_camera(raw: bytes, slug: str | None) -> None:
    """A keyboard, a composite device, or descriptors that do not add up are refused by name."""
    assert refused_as(raw=raw) == slug


@given(raw=st.binary(max_size=200), tail=st.booleans())
@example(raw=SOUND, tail=False)
def test_no_descriptors_break_the_reader(raw: bytes, *, tail: bool) -> None:
    """Any bytes end in interfaces or in ValueError, never in anything else and never for ever."""
    descriptor = SOUND + raw if tail else raw
    try:
        found = interfaces(descriptor)
    except ValueError:
        assert not is_hub(descriptor)
    else:
        assert 0 < len(found) <= len(descriptor) // 9


def test_one_changed_byte_never_hides_another_interface() -> None:
    """Of a keyboard beside storage, no single changed byte outside its own claim makes a camera."""
    both = descriptors((*STORAGE, (1, 3, 1, 1)))
    second = both.index(bytes((9, 4, 1)))
    # Its number and class are what the device claims to be; everything else frames that.
    framing = [at for at in range(len(both)) if at not in range(second + 2, second + 9)]
    hidden = [
        (at, value)
        for at in framing
        for value in range(256)
        if refused_as(raw=both[:at] + bytes((value,)) + both[at + 1 :]) != "camera-not-storage"
    ]
    assert hidden == []


def test_a_device_of_thousands_of_interfaces_is_refused_in_few_words() -> None:
    """What one device says of itself leaves room for what is said of all other slots."""
    many = [(0, 1 + kind // 256, kind % 256, 0) for kind in range(4000)]
    identity = Identity("46f4", "0001", "BWC-1", descriptors(many))
    refused = judge(identity, slot="A1", rules=[RULE])
    assert refused is not None
    assert refused.slug == "camera-not-storage"
    assert "01:00:00, 01:01:00" in refused.reason
    assert "and 3992 more" in refused.reason
    # 64 of these go into the 64 KiB that dockd reads at once.
    assert len(refused.reason) < 256


@pytest.mark.parametrize(
    ("serial", "vendor_id", "rule", "slug"),
    [
        ("BWC-1", "46f4", RULE, None),
        ("", "46f4", RULE, "camera-without-serial"),
        ("XYZ-1", "46f4", RULE, "camera-not-allowed"),
        ("bwc-1", "46f4", RULE, "camera-not-allowed"),
        ("BWC-1", "dead", RULE, "camera-not-allowed"),
        (
            "BWC-1",
            "46f4",
            Rule(family="mtp", vendor_id=None, product_id=None, serial="*"),
            "camera-not-allowed",
        ),
        (
            "anything",
            "dead",
            Rule(family="mass-storage", vendor_id=None, product_id=None, serial="*"),
            None,
        ),
    ],
)
def test_a_rule_decides(serial: str, vendor_id: str, rule: Rule, slug: str | None) -> None:
    """Vendor, product, family and serial pattern all have to fit, and a serial must be there."""
    assert refused_as(serial=serial, vendor_id=vendor_id, rule=rule) == slug


@given(
    serial=st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), min_size=1, max_size=126)
)
@example(serial='BWC-[1]*?"\\')
def test_the_refusal_prints_the_rule_that_would_accept(serial: str) -> None:
    """What a refusal says to add is TOML, accepts this device, and no other serial number."""
    identity = Identity(
        vendor_id="0123", product_id="4567", serial=serial, descriptors=descriptors(STORAGE)
    )
    refused = judge(identity, slot="A1", rules=[])
    assert refused is not None
    _, _, text = refused.reason.partition("dockd.d: ")
    (table,) = tomllib.loads(text)["cameras"]["accept"]
    assert judge(identity, slot="A1", rules=[Rule(**table)]) is None
    other = Identity(
        vendor_id="0123", product_id="4567", serial=f"{serial}0", descriptors=descriptors(STORAGE)
    )
    assert judge(other, slot="A1", rules=[Rule(**table)]) is not None
