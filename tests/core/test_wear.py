"""Wear: what stands out is named with its evidence, and one bad day is not wear."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from dockd.core.wear import DockingWear, Part, slope, verdicts


def dockings(
    camera: str, *, count: int = 12, lost: float = 0.0, **fields: float
) -> list[DockingWear]:
    """Make dockings over a year in slots of their own, a share of the capacity lost at the end."""
    return [
        DockingWear(
            day=30.0 * n,
            camera=camera,
            slot=f"{camera}-{n}",
            percent_per_h=30.0,
            wh_per_percent=0.15 * (1 - lost * n / (count - 1)),
            **fields,  # type: ignore[arg-type]  # counts, as each test names them
        )
        for n in range(count)
    ]


@given(a=st.floats(-10, 10), wild=st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=2))
def test_two_wild_dockings_of_twelve_do_not_make_a_trend(a: float, wild: list[float]) -> None:
    """The slope stays that of the ten, whatever the two say."""
    points = [(float(x), a * x) for x in range(10)] + [(3.5, wild[0]), (6.5, wild[1])]
    found = slope(points)
    assert found is not None
    assert abs(found - a) < 1e-6


def test_a_battery_that_lost_a_quarter_is_named_with_its_numbers() -> None:
    """The verdict says what is left; one that lost a tenth is left alone."""
    found = {
        each.name: each
        for each in verdicts([*dockings("old", lost=0.25), *dockings("new", lost=0.1)])
    }
    assert found["old"].replace
    assert "75%" in found["old"].evidence[0]
    assert not found["new"].replace
    assert (found["old"].wh_per_percent_trend or 0) < (found["new"].wh_per_percent_trend or 0) < 0


def test_a_slot_that_loses_contact_is_named_and_its_cameras_are_not() -> None:
    """Eight cameras, each once in the bad slot: the slot is what they share."""
    bad = [
        DockingWear(
            day=n,
            camera=f"C{n % 8}",
            slot="A1" if n < 8 else f"A{n % 8 + 2}",
            contact_breaks=1 if n < 8 else 0,
            resets=1 if n < 8 else 0,
        )
        for n in range(64)
    ]
    named = [(each.part, each.name) for each in verdicts(bad) if each.replace]
    assert named == [(Part.SLOT, "A1")]


def test_too_few_dockings_say_nothing() -> None:
    """Five terrible dockings are not yet a verdict."""
    assert not any(each.replace for each in verdicts(dockings("x", count=5, lost=0.9, resets=9)))


def test_a_camera_that_charges_at_half_the_usual_speed_is_named() -> None:
    """The sentence carries both numbers; the others stay unnamed."""
    slow = [replace(each, percent_per_h=15.0) for each in dockings("slow")]
    found = verdicts([*slow, *dockings("a"), *dockings("b")])
    assert [each.name for each in found if each.replace] == ["slow"]
    (said,) = next(each.evidence for each in found if each.name == "slow")
    assert said == "it charges 15.0 % an hour, where the station's usual is 30.0"


def test_a_camera_whose_reads_fail_is_named_by_its_errors_and_gigabytes() -> None:
    """Two errors a gigabyte; contact that breaks beside it is a finding of its own."""
    found = verdicts(dockings("torn", read_errors=8, read_gb=4.0, contact_breaks=2))
    broken, said = next(each.evidence for each in found if each.replace)
    assert broken == "contact was lost 24 times in 12 dockings"
    assert said == "96 files could not be read beside 48.0 GB that could, in 12 of 12 dockings"


def test_a_camera_of_which_nothing_can_be_read_is_named() -> None:
    """No gigabyte was read, and that is no reason to think well of it."""
    assert [each.name for each in verdicts(dockings("dead", read_errors=1)) if each.replace] == [
        "dead"
    ]


def test_a_bad_card_on_one_day_condemns_neither_its_camera_nor_the_slot() -> None:
    """Fifty files of one docking of twelve could not be read: it is said of their clips, not here.

    The same fifty in four of the dockings are wear.
    """
    good = dockings("torn", read_gb=2.0)
    bad = [replace(each, slot="A1") for each in good]
    once = [replace(bad[0], read_errors=50), *bad[1:]]
    assert not any(each.replace for each in verdicts(once))
    often = [replace(each, read_errors=50 if n < 4 else 0) for n, each in enumerate(bad)]
    assert [each.name for each in verdicts(often) if each.replace] == ["torn", "A1"]
