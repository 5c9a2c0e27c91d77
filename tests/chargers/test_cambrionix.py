"""Promises of the driver on an emulated hub behind a real tty (a pty)."""

import asyncio
import fcntl
import os
from pathlib import Path

import pytest

from dockd.chargers.cambrionix.cuts import Cuts
from dockd.chargers.cambrionix.giving_back import give_back
from dockd.chargers.cambrionix.wire import Wire
from dockd.core.port_power import CutKind, Light, PortFault, PortMode
from dockd.errors import ChargerUnreachable, CutForSafety, PortNotSwitchable
from tests.chargers.hub_scene import SHORT, scene
from tests.hubs.cambrionix import Hub, Kind
from tests.hubs.serving import on_pty

pytestmark = pytest.mark.asyncio
KINDS = pytest.mark.parametrize("kind", ["universal", "pdsync"])


@KINDS
async def test_readings_of_both_kinds_of_hub(tmp_path: Path, kind: Kind) -> None:
    """Watts come from what is measured, with an error that covers what is not."""
    hub = Hub(kind=kind)
    hub.ports[2].attached = False
    hub.ports[3].charged = True
    async with scene(tmp_path, hub) as it:
        reading = await it.charger.read()
    first, second, third = (reading.ports[slot] for slot in ("A1", "A2", "A3"))
    true_w = 0.5 * (5.12 if kind == "universal" else 5.15)
    assert first.power_w is not None
    assert first.power_error_w is not None
    assert abs(first.power_w - true_w) <= first.power_error_w <= 0.5
    assert (first.mode, first.is_attached, first.energy_wh) == (PortMode.CHARGE, True, 0.5)
    assert (second.is_attached, second.is_charged) == (False, False)
    assert third.is_charged
    assert (reading.temperature_c, reading.troubles) == (31.5, ())


@KINDS
@pytest.mark.parametrize("mode", list(PortMode))
async def test_every_mode_is_switched_and_read_back(
    tmp_path: Path, kind: Kind, mode: PortMode
) -> None:
    """What was ordered is what the hub has, and what it had already is not ordered again."""
    hub = Hub(kind=kind)
    hub.ports[1].mode = "b"
    async with scene(tmp_path, hub) as it:
        await it.charger.switch("A1", mode, kind=CutKind.BUDGET, lease_s=60)
        await it.charger.switch("A1", mode, kind=CutKind.BUDGET, lease_s=60)
        assert (await it.charger.read()).ports["A1"].mode is mode
    assert len([command for command in hub.asked if command.startswith("mode")]) == 1
    assert not hub.hung


async def test_an_order_that_does_nothing_is_told(tmp_path: Path) -> None:
    """A hub that answers well and leaves the port as it was is not believed."""
    hub = Hub()
    hub.fail("ignore", on="mode", times=-1)
    async with scene(tmp_path, hub) as it:
        with pytest.raises(PortNotSwitchable, match="port 1 did not become off"):
            await it.cut("A1")


async def test_a_release_that_does_nothing_keeps_the_cut(tmp_path: Path) -> None:
    """A port that stayed off is still to be given back by whoever comes next."""
    hub = Hub()
    async with scene(tmp_path, hub) as it:
        await it.cut("A1")
        hub.fail("ignore", on="mode", times=-1)
        with pytest.raises(PortNotSwitchable):
            await it.power("A1")
        hub.script.clear()
        await it.charger.close()
        assert await give_back(Cuts.beside(tmp_path), patience=SHORT, pause_s=0) == []
    assert hub.ports[1].mode == "s"


@pytest.mark.parametrize("slot", ["A9", "Z1"])
async def test_a_slot_without_a_port_is_refused_and_said(tmp_path: Path, slot: str) -> None:
    """A port that does not exist cannot be switched, and each reading says so."""
    async with scene(tmp_path, Hub(ports=8), slots=9) as it:
        with pytest.raises(PortNotSwitchable):
            await it.cut(slot)
        assert await it.slugs() == [("A9", "port-not-switchable")]


async def test_a_hub_in_error_is_cleared(tmp_path: Path) -> None:
    """`*E422` is answered by `cef` and the order again."""
    hub = Hub()
    hub.error = True
    async with scene(tmp_path, hub) as it:
        await it.cut("A1")
    assert hub.ports[1].mode == "o"
    assert "reboot" not in hub.asked


async def test_a_hub_that_stays_in_error_is_rebooted(tmp_path: Path) -> None:
    """An undervoltage that `cef` does not clear takes a reboot; what was ordered holds after it."""
    hub = Hub()
    async with scene(tmp_path, hub) as it:
        await it.cut("A2")
        hub.error = True
        hub.supply_flags.add("UV")
        assert ("", "hub-error") in await it.slugs()
        await it.cut("A1")
        assert [hub.ports[port].mode for port in (1, 2)] == ["o", "o"]
        assert await it.slugs() == []
    assert hub.asked.count("reboot") == 1


@pytest.mark.parametrize("kind", [CutKind.BUDGET, CutKind.SAFETY])
async def test_a_reboot_breaks_no_copy_but_for_safety(tmp_path: Path, kind: CutKind) -> None:
    """While a camera has its data connection only a safety cut may reboot the hub."""
    hub = Hub()
    hub.ports[2].mode = "s"
    hub.error = True
    hub.supply_flags.add("UV")
    async with scene(tmp_path, hub) as it:
        if kind is CutKind.SAFETY:
            await it.cut("A1", kind=kind)
        else:
            with pytest.raises(PortNotSwitchable, match="not rebooted"):
                await it.cut("A1", kind=kind)
    assert ("reboot" in hub.asked) is (kind is CutKind.SAFETY)


@pytest.mark.parametrize("how", ["reboot", "brown-out"])
async def test_modes_hold_over_a_reboot_of_the_hub(tmp_path: Path, how: str) -> None:
    """A hub that started anew is noticed by its flag, and its ports' modes are applied again."""
    hub = Hub()
    async with scene(tmp_path, hub) as it:
        await it.cut("A1", kind=CutKind.SAFETY)
        await it.power("A2")
        if how == "reboot":
            hub.restart()
        else:
            hub.brown_out()
            assert ("", "hub-rebooted") in await it.slugs()
            hub.supply_flags.clear()
            hub.error = False
        assert ("", "hub-rebooted") in await it.slugs()
        assert (hub.ports[1].mode, hub.ports[2].mode, hub.rebooted) == ("o", "s", False)
        assert await it.slugs() == []


async def test_one_garbled_answer_is_asked_for_again(tmp_path: Path) -> None:
    """Line noise is no trouble as long as the next answer is clean."""
    hub = Hub()
    async with scene(tmp_path, hub) as it:
        hub.fail("garble", on="state")
        reading = await it.charger.read()
    assert reading.ports["A1"].mode is PortMode.CHARGE
    assert reading.troubles == ()


@pytest.mark.parametrize(
    "line",
    [
        "2, 65535, A C, 1, 5, x, 0.01",
        "2, NaN, A C, 1, 5, x, 0.01",
        "2, 0500, A C, 1, 5, x, nan",
        "2, 0500, A C, 1, 5, x, 1e300",
        "2, -40, A C, 1, 5, x, 0.01",
        "2, 0500, A C S O, 1, 5, x, 0.01",
        "2, 9999, 0500, A C -, 5, x, 0.01",
    ],
)
async def test_nonsense_of_a_port_is_unknown_and_said(tmp_path: Path, line: str) -> None:
    """What cannot be is not passed on as a reading; the slot is named once."""
    hub = Hub()
    good = "1, 0500, A C, 1, 5, x, 0.01"
    async with scene(tmp_path, hub, slots=2) as it:
        hub.fail("nonsense", on="state", times=-1, text=f"{good}\n{line}")
        reading = await it.charger.read()
    assert (reading.ports["A2"].mode, reading.ports["A2"].power_w) == (None, None)
    assert reading.ports["A1"].mode is PortMode.CHARGE
    assert [(t.slot, t.slug) for t in reading.troubles] == [("A2", "hub-nonsense")]


async def test_a_port_that_no_hub_has_is_said(tmp_path: Path) -> None:
    """Port 99 is refused, and the others are believed."""
    hub = Hub()
    text = "1, 0500, A C, 1, 5, x, 0.01\n99, 0500, A C, 1, 5, x, 0.01"
    async with scene(tmp_path, hub, slots=1) as it:
        hub.fail("nonsense", on="state", times=-1, text=text)
        assert await it.slugs() == [("", "hub-nonsense")]


@pytest.mark.parametrize("value", ["-40", "NaN", "9000"])
async def test_a_temperature_that_cannot_be_is_unknown(tmp_path: Path, value: str) -> None:
    """-40 C is a broken sensor and not a cold hub."""
    hub = Hub()
    hub.temperature = value
    async with scene(tmp_path, hub) as it:
        reading = await it.charger.read()
    assert reading.temperature_c is None
    assert [trouble.slug for trouble in reading.troubles] == ["hub-nonsense"]


async def test_faults_of_a_port_are_told(tmp_path: Path) -> None:
    """Theft and a port's fault are read from the flags, whose case counts."""
    hub = Hub()
    hub.ports[1].theft = True
    hub.ports[2].fault = True
    async with scene(tmp_path, hub) as it:
        ports = (await it.charger.read()).ports
    assert ports["A1"].faults == {PortFault.THEFT}
    assert ports["A2"].faults == {PortFault.PORT_FAULT}


@pytest.mark.parametrize("kind", ["drop", "half", "vanish"])
async def test_a_hub_that_falls_silent_is_unreachable_and_then_is_not(
    tmp_path: Path, kind: str
) -> None:
    """No answer, half an answer or a yank is an error, and the next question is a new one."""
    hub = Hub()
    async with scene(tmp_path, hub) as it:
        await it.charger.read()
        hub.fail(kind, on="state")  # type: ignore[arg-type] # one of the fault's words
        with pytest.raises(ChargerUnreachable):
            await it.charger.read()
        if kind == "vanish":
            with pytest.raises(ChargerUnreachable):
                await it.charger.read()
            it.line.plug_in()
        assert (await it.charger.read()).ports["A1"].mode is PortMode.CHARGE


async def test_a_late_answer_is_never_another_question_s(tmp_path: Path) -> None:
    """An answer that comes after its time is thrown away with its line."""
    hub = Hub()
    async with scene(tmp_path, hub) as it:
        await it.cut("A1")
        hub.fail("slow", on="health")
        hub.script[-1].seconds = SHORT.answer_s + 0.05
        with pytest.raises(ChargerUnreachable):
            await it.charger.read()
        for _ in range(3):
            reading = await it.charger.read()
            assert (reading.ports["A1"].mode, reading.temperature_c) == (PortMode.OFF, 31.5)


async def test_live_output_is_cancelled(tmp_path: Path) -> None:
    """A hub that was left talking is told to stop when its port is opened."""
    hub = Hub()
    hub.fail("live", on="state")
    async with scene(tmp_path, hub) as it:
        with pytest.raises(ChargerUnreachable):
            await it.charger.read()
        is_live = [hub.live]
        await it.charger.read()
        is_live.append(hub.live)
    assert is_live == [True, False]
    assert not hub.hung


async def test_a_question_that_is_cancelled_leaves_nothing_behind(tmp_path: Path) -> None:
    """Whoever is cancelled in the middle of an answer spoils no later one."""
    hub = Hub()
    async with on_pty(hub, tmp_path / "hub"):
        wire = Wire(tmp_path / "hub")
        hub.fail("slow", on="state 1")
        hub.script[-1].seconds = 0.1
        async with asyncio.TaskGroup() as tasks:
            question = tasks.create_task(wire.ask("state 1"))
            await hub.heard("state 1", times=1)
            question.cancel()
        answers = [await wire.ask(f"state {number}") for number in (2, 3)]
        await wire.close()
    assert [answer[0].partition(",")[0] for answer in answers] == ["2", "3"]


async def test_a_tty_that_another_program_has_is_said(tmp_path: Path) -> None:
    """Two programs on one hub would read each other's answers: the second is told."""
    hub = Hub()
    async with scene(tmp_path, hub) as it:
        other = os.open(tmp_path / "hub", os.O_RDWR | os.O_NOCTTY)
        try:
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with pytest.raises(ChargerUnreachable, match="Another program"):
                await it.charger.read()
        finally:
            os.close(other)
        await it.charger.read()


async def test_lights(tmp_path: Path) -> None:
    """Each light has a pattern of its own, is set once, and is set again after a reboot."""
    hub = Hub()
    async with scene(tmp_path, hub) as it:
        shown = set()
        for light in (Light.LEAVE, Light.TAKE, Light.REPORT, Light.EMPTY):
            await it.charger.light("A1", light)
            await it.charger.light("A1", light)
            shown.add(tuple(hub.ports[1].leds))
        assert len(shown) == len(Light)
        assert len([asked for asked in hub.asked if asked.startswith("ledb")]) == 12
        await it.charger.light("A1", Light.TAKE)
        hub.restart()
        await it.charger.read()
        await it.charger.light("A1", Light.TAKE)
    assert hub.ports[1].leds == ["11111111b", "00000000b", "00000000b"]


async def test_a_hub_without_lights_is_asked_once(tmp_path: Path) -> None:
    """A hub without LEDs, a slot without a port and a silent hub are no errors."""
    hub = Hub(leds=False)
    async with scene(tmp_path, hub) as it:
        for slot in ("A1", "A1", "A2", "Z9"):
            await it.charger.light(slot, Light.TAKE)
        assert len([asked for asked in hub.asked if asked.startswith("ledb")]) == 1
        it.line.yank()
        await it.charger.light("A1", Light.LEAVE)


async def test_a_safety_cut_is_lifted_by_safety_alone(tmp_path: Path) -> None:
    """Neither a budget decision, nor one after a restart, powers a port that was cut for safety."""
    hub = Hub()
    async with scene(tmp_path, hub) as it:
        await it.cut("A1", kind=CutKind.SAFETY)
        await it.cut("A1", kind=CutKind.BUDGET)
        await it.charger.close()
        it.charger = it.again()
        with pytest.raises(CutForSafety):
            await it.power("A1")
        assert hub.ports[1].mode == "o"
        await it.power("A1", kind=CutKind.SAFETY)
        assert hub.ports[1].mode == "s"
        await it.power("A1")


@pytest.mark.parametrize("is_up", [False, True])
async def test_a_safety_cut_of_an_earlier_daemon_holds_over_a_reboot_of_the_hub(
    tmp_path: Path, is_up: bool
) -> None:
    """A hub that starts anew charges everything, but not what anybody ever cut for safety.

    So it is where the hub starts anew before the next daemon has ordered anything, and where no
    daemon was there to see it.
    """
    hub = Hub()
    async with scene(tmp_path, hub) as it:
        await it.cut("A1", kind=CutKind.SAFETY)
        await it.charger.close()
        it.charger = it.again()
        if is_up:
            await it.charger.read()
        hub.restart()
        reading = await it.charger.read()
        assert (hub.ports[1].mode, reading.ports["A1"].mode) == ("o", PortMode.OFF)
        with pytest.raises(CutForSafety):
            await it.power("A1")


async def test_a_port_that_was_cut_for_safety_is_cut_again_by_whatever_it_has_power(
    tmp_path: Path,
) -> None:
    """Another program gave it back, or took the hub's word of its reboot away: it is cut again.

    A hub that does nothing about it is no reason to read nothing.
    """
    hub = Hub()
    async with scene(tmp_path, hub) as it:
        await it.cut("A1", kind=CutKind.SAFETY)
        await it.cut("A2")
        hub.restart()
        hub.rebooted = False
        hub.fail("ignore", on="mode", times=1)
        assert (await it.charger.read()).ports["A1"].mode is PortMode.CHARGE
        assert (await it.charger.read()).ports["A1"].mode is PortMode.OFF
    assert hub.ports[1].mode == "o"


async def test_a_hub_in_error_has_its_lights_all_the_same(tmp_path: Path) -> None:
    """An error of the moment does not mean that there are no LEDs: they are set when it is over."""
    hub = Hub()
    async with scene(tmp_path, hub) as it:
        hub.fail("nonsense", on="ledb", text="*E422: Cannot while an error is flagged")
        await it.charger.light("A1", Light.TAKE)
        await it.charger.light("A1", Light.TAKE)
    assert hub.ports[1].leds == ["11111111b", "00000000b", "00000000b"]


async def test_a_lease_that_ends_is_given_back(tmp_path: Path) -> None:
    """A cut that nobody renews comes back, one at each reading, and a safety cut does not."""
    hub = Hub()
    async with scene(tmp_path, hub) as it:
        await it.cut("A1", lease_s=0)
        await it.cut("A2", lease_s=0)
        await it.cut("A3", lease_s=0, kind=CutKind.SAFETY)
        off = []
        for _ in range(3):
            await it.charger.read()
            off.append([port for port in (1, 2, 3) if hub.ports[port].mode == "o"])
    assert off == [[2, 3], [3], [3]]


async def test_a_dead_daemon_s_cuts_are_given_back(tmp_path: Path) -> None:
    """After a kill, budget and hold cuts come back; safety cuts stay."""
    hub = Hub()
    async with scene(tmp_path, hub) as it:
        await it.cut("A1", kind=CutKind.BUDGET)
        await it.cut("A2", kind=CutKind.HOLD)
        await it.cut("A3", kind=CutKind.SAFETY)
        await it.charger.close()
        assert await give_back(Cuts.beside(tmp_path), patience=SHORT, pause_s=0) == []
        assert [hub.ports[port].mode for port in (1, 2, 3)] == ["s", "s", "o"]
        asked = len(hub.asked)
        assert await give_back(Cuts.beside(tmp_path), patience=SHORT, pause_s=0) == []
        assert len(hub.asked) == asked


async def test_giving_back_stays_within_the_budget(tmp_path: Path) -> None:
    """What the budget has no room for stays off, and is said."""
    hub = Hub(ports=3)
    async with scene(tmp_path, hub, budget_w=15) as it:
        await it.cut("A1")
        await it.cut("A2")
        await it.charger.close()
        said = await give_back(Cuts.beside(tmp_path), patience=SHORT, pause_s=0)
    assert said == ["Slot A2 stays off: the budget has no room for it."]
    assert [hub.ports[port].mode for port in (1, 2)] == ["s", "o"]


async def test_giving_back_stays_within_the_budget_of_the_last_reload(tmp_path: Path) -> None:
    """A budget that was made smaller while the daemon ran counts after it as well."""
    hub = Hub(ports=3)
    async with scene(tmp_path, hub, budget_w=22.5) as it:
        await it.cut("A1")
        await it.cut("A2", lease_s=0)
        it.charger.keep_within(most_on=1)
        await it.charger.read()
        assert hub.ports[2].mode == "o"
        await it.charger.close()
        said = await give_back(Cuts.beside(tmp_path), patience=SHORT, pause_s=0)
    assert len(said) == 2
    assert [hub.ports[port].mode for port in (1, 2)] == ["o", "o"]


async def test_a_budget_below_one_camera_gives_nothing_back(tmp_path: Path) -> None:
    """Where no camera may be powered, none is."""
    hub = Hub(ports=1)
    async with scene(tmp_path, hub, slots=1, budget_w=5) as it:
        await it.cut("A1", lease_s=0)
        await it.charger.read()
        await it.charger.close()
        await give_back(Cuts.beside(tmp_path), patience=SHORT, pause_s=0)
    assert hub.ports[1].mode == "o"


async def test_no_cut_no_question(tmp_path: Path) -> None:
    """Where nothing was cut, nothing is opened: the service stops at once."""
    (tmp_path / "hub-cuts.json").write_text("[garbage")
    assert await give_back(Cuts.beside(tmp_path), patience=SHORT, pause_s=0) == []


async def test_orders_at_once_are_asked_one_after_the_other(tmp_path: Path) -> None:
    """Whoever orders meanwhile waits: each order has its own answer, and the hub never two."""
    hub = Hub()
    async with scene(tmp_path, hub, slots=8) as it:
        async with asyncio.TaskGroup() as tasks:
            for number in range(1, 9):
                tasks.create_task(it.cut(f"A{number}"))
                tasks.create_task(it.charger.light(f"A{number}", Light.TAKE))
            tasks.create_task(it.charger.read())
        assert {port.mode for port in hub.ports.values()} == {"o"}
    assert hub.most_waiting == 1
    # By its number: an order that is read back belongs to the port before.
    modes = [asked.split()[-1] for asked in hub.asked if asked.startswith(("mode", "state "))]
    assert modes[::2] == modes[1::2]


async def test_questions_at_once_have_each_its_own_answer(tmp_path: Path) -> None:
    """The wire itself asks nothing before the last answer came."""
    hub = Hub()
    async with on_pty(hub, tmp_path / "hub"):
        wire = Wire(tmp_path / "hub")
        async with asyncio.TaskGroup() as tasks:
            asked = [tasks.create_task(wire.ask(f"state {number}")) for number in range(1, 9)]
        await wire.close()
    assert [task.result()[0].partition(",")[0] for task in asked] == list("12345678")
    assert hub.most_waiting == 1


async def test_a_hub_above_its_own_limit_is_said(tmp_path: Path) -> None:
    """The temperature at which the hub gives up is its own word (`limits`)."""
    hub = Hub()
    hub.temperature = "80.0"
    async with scene(tmp_path, hub) as it:
        (trouble,) = (await it.charger.read()).troubles
    assert (trouble.slug, trouble.reason) == (
        "hub-error",
        "The hub is hotter than its limit of 75.0 C.",
    )
