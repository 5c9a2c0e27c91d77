"""The hub's part of the issue on charging: every noun of it, and the tests that show it."""

from collections.abc import Mapping
from typing import Final

_DRIVER: Final = "tests/chargers/test_cambrionix.py::"
_DAEMON: Final = "tests/daemon/test_charging.py::"
_PARSING: Final = "tests/chargers/test_cambrionix_parsing.py::"

TABLE: Final[Mapping[str, tuple[str, ...]]] = {
    "universal and PDSync hubs": (
        f"{_DRIVER}test_readings_of_both_kinds_of_hub",
        f"{_PARSING}test_the_manual_s_lines",
    ),
    "one command at a time": (
        f"{_DRIVER}test_a_late_answer_is_never_another_question_s",
        f"{_DRIVER}test_a_question_that_is_cancelled_leaves_nothing_behind",
        f"{_DRIVER}test_orders_at_once_are_asked_one_after_the_other",
        f"{_DRIVER}test_questions_at_once_have_each_its_own_answer",
    ),
    "exclusive open": (f"{_DRIVER}test_a_tty_that_another_program_has_is_said",),
    "profiles": (f"{_PARSING}test_the_manual_s_lines",),
    "LEDs": (f"{_DRIVER}test_lights", f"{_DRIVER}test_a_hub_without_lights_is_asked_once"),
    "health": (
        f"{_PARSING}test_both_spellings_of_the_supply",
        f"{_PARSING}test_the_rest_of_health",
    ),
    "limits": (f"{_DRIVER}test_a_hub_above_its_own_limit_is_said",),
    "rebooted flag noticed and modes applied again": (
        f"{_DRIVER}test_modes_hold_over_a_reboot_of_the_hub",
    ),
    "*E422 handled": (
        f"{_DRIVER}test_a_hub_in_error_is_cleared",
        f"{_DRIVER}test_a_hub_that_stays_in_error_is_rebooted",
        f"{_DRIVER}test_a_reboot_breaks_no_copy_but_for_safety",
    ),
    "garbled lines survived": (
        f"{_DRIVER}test_one_garbled_answer_is_asked_for_again",
        f"{_PARSING}test_a_damaged_line_is_refused_or_says_the_same",
    ),
    "the tty vanishing and coming back": (
        f"{_DRIVER}test_a_hub_that_falls_silent_is_unreachable_and_then_is_not",
    ),
    "a budget below one camera": (f"{_DRIVER}test_a_budget_below_one_camera_gives_nothing_back",),
    "ports that do not exist": (
        f"{_DRIVER}test_a_slot_without_a_port_is_refused_and_said",
        f"{_DRIVER}test_a_port_that_no_hub_has_is_said",
    ),
    "NaN": (f"{_DRIVER}test_nonsense_of_a_port_is_unknown_and_said",),
    "65535 mA": (f"{_DRIVER}test_nonsense_of_a_port_is_unknown_and_said",),
    "-40 C": (f"{_DRIVER}test_a_temperature_that_cannot_be_is_unknown",),
    "a clock that jumps": (
        "tests/core/test_charge_plan.py::test_a_wall_clock_that_jumps_makes_no_port_flap",
    ),
    "a hub that accepts a command and does nothing": (
        f"{_DRIVER}test_an_order_that_does_nothing_is_told",
        f"{_DRIVER}test_a_release_that_does_nothing_keeps_the_cut",
    ),
    "Each is said once": (
        "tests/stages/test_charge.py::test_numbers_that_cannot_be_are_said_once_and_not_used",
        "tests/stages/test_charge.py::test_a_port_that_does_not_switch_is_said_once_and_left_on",
    ),
    "Cuts are leases": (
        f"{_DRIVER}test_a_lease_that_ends_is_given_back",
        f"{_DRIVER}test_a_dead_daemon_s_cuts_are_given_back",
        f"{_DRIVER}test_giving_back_stays_within_the_budget",
        f"{_DAEMON}test_power_is_given_back_within_the_budget_by_the_living_and_for_the_dead",
    ),
    "safety cuts stay": (
        f"{_DRIVER}test_a_safety_cut_is_lifted_by_safety_alone",
        f"{_DAEMON}test_a_rack_that_is_too_hot_is_cut_and_comes_back_one_port_at_a_time",
    ),
}
