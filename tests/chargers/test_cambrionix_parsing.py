"""Promises of what a hub's answers are taken for, whatever they are."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockd.chargers.cambrionix import parsing
from dockd.core.port_power import PortFault, PortMode

LINES = st.lists(st.text(max_size=60), max_size=12)
NOISE = st.lists(
    st.one_of(
        st.text(max_size=12),
        st.integers().map(str),
        st.floats().map(str),
        st.sampled_from(["A C", "D O", "R A S", "A C -", "x", "0500"]),
    ),
    max_size=9,
).map(", ".join)
UNIVERSAL = "5, 1044, A C, 1, 5, x, 0.01"
PDSYNC = "1, 0515, 2051, A C -, 3383, x, 9.92"


@given(lines=LINES | st.lists(NOISE, max_size=12))
def test_no_answer_breaks_the_parser(lines: list[str]) -> None:
    """Any text is understood or refused, and what is believed can be."""
    ports = parsing.ports(lines)
    for number, state in ports.by_port.items():
        assert 1 <= number <= 64
        assert 0 <= state.current_ma <= 6000
        assert math.isfinite(state.energy_wh)
        assert state.volts is None or 0 <= state.volts <= 22
    assert len(ports.by_port) + len(ports.refused) <= len(lines)
    health = parsing.health(lines)
    assert health.temperature_c is None or -30 <= health.temperature_c <= 125
    assert health.volts is None or 3 <= health.volts <= 6.5
    parsing.limits(lines)
    parsing.identity(lines)
    parsing.error_code(lines)


@given(raw=st.binary(max_size=200))
def test_no_bytes_break_the_parser(raw: bytes) -> None:
    """Line noise is bytes, which are decoded as the wire does it."""
    text = raw.decode("ascii", errors="replace")
    parsing.ports(text.split("\n"))
    parsing.health(text.split("\n"))


@given(
    line=st.sampled_from([UNIVERSAL, PDSYNC]),
    at=st.integers(min_value=0, max_value=30),
    byte=st.sampled_from("\ufffd\x00~#"),
)
def test_a_damaged_line_is_refused_or_says_the_same(line: str, at: int, byte: str) -> None:
    """One damaged character never makes another mode, or another port, of a line."""
    at = min(at, len(line) - 1)
    damaged = line[:at] + byte + line[at + 1 :]
    (whole,) = parsing.ports([line]).by_port.values()
    for state in parsing.ports([damaged]).by_port.values():
        assert (state.port, state.mode, state.current_ma) == (
            whole.port,
            whole.mode,
            whole.current_ma,
        )


def test_the_manual_s_lines() -> None:
    """The published examples of both kinds of hub are understood."""
    (universal,) = parsing.ports([UNIVERSAL]).by_port.values()
    assert (universal.port, universal.current_ma, universal.profile) == (5, 1044, 1)
    assert (universal.mode, universal.is_attached, universal.volts) == (PortMode.CHARGE, True, None)
    (pdsync,) = parsing.ports([PDSYNC]).by_port.values()
    assert (pdsync.volts, pdsync.current_ma, pdsync.energy_wh) == (5.15, 2051, 9.92)


@pytest.mark.parametrize(
    ("flag", "mode"),
    [
        ("O", PortMode.OFF),
        ("S", PortMode.SYNC),
        ("B", None),
        ("I", PortMode.CHARGE),
        ("P", PortMode.CHARGE),
        ("C", PortMode.CHARGE),
        ("F", PortMode.CHARGE),
    ],
)
def test_each_flag_is_a_mode(flag: str, mode: PortMode | None) -> None:
    """Exactly one flag says what a port does; two contradict each other and none says nothing."""
    (state,) = parsing.ports([f"1, 0000, D {flag}, 0, 0, x, 0.00"]).by_port.values()
    assert (state.mode, state.is_charged) == (mode, flag == "F")
    assert parsing.ports([f"1, 0000, D {flag} {flag}, 0, 0, x, 0.00"]).by_port == {}
    assert parsing.ports(["1, 0000, D, 0, 0, x, 0.00"]).by_port == {}


def test_the_case_of_a_flag_counts() -> None:
    """R is a reboot of the hub and r one of VBUS; E is the hub's error and e the port's."""
    big, small = parsing.ports(
        ["1, 0000, R E A C, 1, 0, x, 0.00", "2, 0000, r e A C, 1, 0, x, 0.00"]
    ).by_port.values()
    assert big.rebooted
    assert big.faults == {PortFault.HUB_ERROR}
    assert not small.rebooted
    assert small.faults == {PortFault.WAS_RESET, PortFault.PORT_FAULT}


def test_nobody_knows_what_is_in_a_cut_port() -> None:
    """A hub calls a port without power detached, whatever is in it."""
    (state,) = parsing.ports(["1, 0000, D O, 0, 0, x, 0.00"]).by_port.values()
    assert state.is_attached is None


def test_a_port_told_twice_is_not_believed() -> None:
    """Two lines for one port are a garbled answer."""
    assert parsing.ports([UNIVERSAL, UNIVERSAL]).by_port == {}


@pytest.mark.parametrize(
    ("line", "volts"), [("5V Now: 5.30", 5.3), ("5V_V1: 5042", 5.042), ("5V Now: 53.0", None)]
)
def test_both_spellings_of_the_supply(line: str, volts: float | None) -> None:
    """Volts, and the variant in millivolts; what no supply can be is refused."""
    assert parsing.health([line]).volts == volts


def test_the_rest_of_health() -> None:
    """Flags and the reboot are read; a bound is no measurement, and no nonsense."""
    health = parsing.health(["5V Flags: UV", "Temperature Now (C): <0.1", "Rebooted flag: R"])
    assert health.flags == {"UV"}
    assert (health.rebooted, health.temperature_c) == (True, None)
    assert health.refused == []


@pytest.mark.parametrize(
    ("line", "code"),
    [("*E422: no", "E422"), ("*FATAL ERROR E123: oh", "E123"), ("fine", None), ("E422", None)],
)
def test_errors(line: str, code: str | None) -> None:
    """Both spellings of an error are known, and nothing else is one."""
    assert parsing.error_code(["noise", line]) == code
