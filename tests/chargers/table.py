"""The issue on charging: every noun of it, and the tests that show it."""

from collections.abc import Mapping
from typing import Final

_DRIVER: Final = "tests/chargers/test_cambrionix.py::"
_DAEMON: Final = "tests/daemon/test_charging.py::"
_PARSING: Final = "tests/chargers/test_cambrionix_parsing.py::"
_PLAN: Final = "tests/core/test_charge_plan.py::"
_NIGHTS: Final = "tests/core/test_charge_nights.py::"
_BATTERY: Final = "tests/core/test_battery.py::"
_WORD: Final = "tests/core/test_battery_word.py::"
_MODEL: Final = "tests/core/test_battery_model.py::"
_MODELS: Final = "tests/stages/test_battery_models.py::"
_WEAR: Final = "tests/core/test_wear.py::"
_READY: Final = "tests/core/test_readiness.py::"
_STAGE: Final = "tests/stages/test_charge.py::"
_PORTS: Final = "tests/stages/test_port_switching.py::"
_HELPER: Final = "tests/helper/test_power.py::"
_DIRECTORY: Final = "tests/cameras/test_directory.py::TestDirectoryCamera::"
_DISK: Final = "tests/cameras/test_mass_storage.py::TestMassStorageCamera::"
_OWN: Final = "tests/stages/test_camera_batteries.py::"
_WATCH: Final = "tests/stages/test_wear_watch.py::"
_LIFTING: Final = "tests/stages/test_lifting_safety.py::"
_RACK: Final = "tests/rack/test_charging.py::"

TABLE: Final[Mapping[str, tuple[str, ...]]] = {
    "starts staggered": (f"{_PLAN}test_ports_are_powered_on_one_after_the_other",),
    "due soonest, then emptiest, first": (
        f"{_NIGHTS}test_the_camera_of_the_next_shift_is_charged_before_an_emptier_one_of_a_later",
        f"{_OWN}test_the_emptier_by_their_own_word_gets_the_power",
    ),
    "a minimum on-time so that ports do not flap": (
        f"{_PLAN}test_where_the_budget_is_short_a_port_keeps_its_power_for_the_least_time",
    ),
    "hold until the shift nears": (
        f"{_PLAN}test_a_held_camera_is_charged_for_its_shift_and_not_held_again",
        f"{_NIGHTS}test_looking_into_a_held_slot_carries_no_camera_over_its_hold",
    ),
    "0 and 45 C cut-offs with hysteresis": (
        f"{_PLAN}test_a_thermal_cut_ends_past_its_hysteresis_and_as_a_safety_cut",
        f"{_PLAN}test_a_frozen_camera_has_no_power_until_it_is_warm_enough",
    ),
    "no-progress cut-off": (
        f"{_PLAN}test_a_camera_that_takes_power_and_gains_nothing_is_cut_and_stays_cut",
        f"{_PLAN}test_a_camera_that_takes_more_energy_than_it_holds_is_cut",
    ),
    "over-current cut-off": (
        f"{_PLAN}test_an_over_current_that_lasts_is_cut_and_one_that_passes_is_not",
    ),
    "a port is never cut while its camera is read or wiped": (
        f"{_PLAN}test_a_port_is_never_cut_while_its_camera_is_read_or_wiped",
        f"{_PORTS}test_an_offload_is_never_interrupted",
        f"{_RACK}test_a_cut_waits_for_the_copy_and_is_no_undocking",
    ),
    "without any reading it still behaves well": (f"{_PLAN}test_nobody_starves",),
    "the budget is never exceeded even for one tick": (
        f"{_PLAN}test_the_budget_is_never_exceeded_even_for_one_tick",
    ),
    "safety cut-offs always win": (
        f"{_PLAN}test_a_safety_cut_wins_over_everything_but_a_camera_that_is_being_read",
        f"{_PORTS}test_a_read_that_hangs_keeps_no_burning_camera_on_its_power",
    ),
    "nobody starves": (f"{_PLAN}test_nobody_starves",),
    "a plan is stable when its inputs are": (f"{_PLAN}test_a_plan_is_stable_when_its_inputs_are",),
    "both halves of a USB 3 port, read back after every write": (
        f"{_HELPER}test_a_cut_and_its_end_reach_the_port",
        f"{_HELPER}test_a_port_that_does_not_follow_is_said_to",
    ),
    "a port that does not really switch": (
        f"{_PORTS}test_a_port_that_only_says_that_it_is_off_hides_no_camera",
        f"{_STAGE}test_a_port_that_does_not_switch_is_said_once_and_left_on",
    ),
    "its yank is noticed when the slot is powered again": (
        f"{_STAGE}test_a_yank_behind_a_cut_port_is_noticed_with_the_power",
    ),
    "or the camera is seen elsewhere": (f"{_STAGE}test_a_camera_is_where_it_was_seen_last",),
    "a reading from the camera": (
        f"{_DIRECTORY}test_a_charge_is_told_with_its_source_and_its_uncertainty",
        f"{_DISK}test_a_charge_is_told_with_its_source_and_its_uncertainty",
        f"{_OWN}test_a_cameras_own_charge_is_shown_with_its_source_and_error",
    ),
    "a reading from the hub, or inferred, with its uncertainty": (
        f"{_BATTERY}test_only_a_falling_power_tells_the_state_of_charge",
        f"{_BATTERY}test_the_band_of_an_inferred_charge_holds_the_truth",
        f"{_WORD}test_what_is_inferred_holds_the_truth",
        f"{_WORD}test_the_hubs_energy_counts_from_the_cameras_word_on",
    ),
    "advice is take only when both are true": (
        f"{_READY}test_take_means_safe_and_not_known_to_be_short",
        f"{_READY}test_an_unknown_charge_is_said_to_be_unknown",
    ),
    "the forecast's error is recorded per docking": (
        f"{_STAGE}test_readiness_is_forecast_and_its_error_recorded",
        f"{_MODELS}test_readiness_is_forecast_by_what_was_learned",
    ),
    "a battery of its own for each camera": (
        f"{_MODEL}test_one_stay_shows_how_far_a_gauge_is_off",
        f"{_MODEL}test_one_odd_stay_moves_nothing",
        f"{_MODEL}test_no_record_however_mad_breaks_a_model",
        f"{_MODELS}test_a_gauge_that_was_off_in_one_docking_is_corrected_in_the_next",
    ),
    "a camera's word from before a restart": (
        f"{_OWN}test_a_charge_from_before_a_restart_is_not_taken_for_the_present_one",
        f"{_WORD}test_a_word_that_was_old_when_it_was_heard_is_a_band_from_there_on",
    ),
    "and exported as a metric": (
        "tests/station/test_metrics.py::test_the_error_of_the_readiness_forecasts_is_exported",
        "tests/station/test_metrics.py::test_the_error_that_is_exported_is_of_the_last_forecasts",
    ),
    "the officer's light is the advice on the page": (
        f"{_STAGE}test_a_slots_light_is_its_advice",
        "tests/chargers/test_usb_port.py::TestUsbPort::test_lights_are_the_boxes_leds",
    ),
    "issue order": (
        "tests/page/test_rack_view.py::test_what_a_charger_tells_is_shown",
        f"{_STAGE}test_the_least_used_camera_is_to_be_taken_first",
        "tests/cli/test_charging.py::test_status_says_which_camera_to_take_first",
    ),
    "charge slope, Wh per percent": (
        f"{_WEAR}test_a_battery_that_lost_a_quarter_is_named_with_its_numbers",
        f"{_WEAR}test_a_camera_that_charges_at_half_the_usual_speed_is_named",
    ),
    "error rates": (
        f"{_WEAR}test_a_camera_whose_reads_fail_is_named_by_its_errors_and_gigabytes",
        f"{_WATCH}test_files_that_cannot_be_read_are_counted_against_their_camera",
    ),
    "resets": (
        "tests/core/test_charge_record.py::test_a_reset_counts_once_however_long_the_hub_shows_it",
    ),
    "contact trouble": (f"{_WATCH}test_a_slot_that_loses_contact_is_told_from_its_cameras",),
    "doctor names the slots and cameras to replace": (
        "tests/cli/test_charging.py::test_doctor_names_what_wears_with_its_evidence",
    ),
    "and `/v1/cameras/{serial}`, with the evidence": (
        f"{_WATCH}test_what_is_answered_of_a_camera_has_its_trend_and_the_evidence",
    ),
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
    "LEDs": (
        f"{_DRIVER}test_lights",
        f"{_DRIVER}test_a_hub_without_lights_is_asked_once",
        f"{_DRIVER}test_a_hub_in_error_has_its_lights_all_the_same",
    ),
    "health": (
        f"{_PARSING}test_both_spellings_of_the_supply",
        f"{_PARSING}test_the_rest_of_health",
    ),
    "limits": (f"{_DRIVER}test_a_hub_above_its_own_limit_is_said",),
    "rebooted flag noticed and modes applied again": (
        f"{_DRIVER}test_modes_hold_over_a_reboot_of_the_hub",
        f"{_DRIVER}test_a_safety_cut_of_an_earlier_daemon_holds_over_a_reboot_of_the_hub",
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
    "a budget below one camera": (
        f"{_PLAN}test_a_budget_below_one_camera_is_one_problem_and_powers_nothing",
        f"{_STAGE}test_a_budget_below_one_camera_is_said_once_and_powers_nothing",
        f"{_DRIVER}test_a_budget_below_one_camera_gives_nothing_back",
    ),
    "ports that do not exist": (
        f"{_PLAN}test_a_port_that_does_not_exist_is_said_and_given_no_order",
        f"{_DRIVER}test_a_slot_without_a_port_is_refused_and_said",
        f"{_DRIVER}test_a_port_that_no_hub_has_is_said",
        f"{_STAGE}test_a_port_that_no_hub_has_is_said_once_and_the_others_go_on",
    ),
    "NaN": (f"{_DRIVER}test_nonsense_of_a_port_is_unknown_and_said",),
    "65535 mA": (f"{_DRIVER}test_nonsense_of_a_port_is_unknown_and_said",),
    "-40 C": (f"{_DRIVER}test_a_temperature_that_cannot_be_is_unknown",),
    "a clock that jumps": (
        "tests/core/test_charge_plan.py::test_a_wall_clock_that_jumps_makes_no_port_flap",
    ),
    "a hub that accepts a command and does nothing": (
        f"{_PLAN}test_a_port_that_does_not_follow_is_watched_for_danger_all_the_same",
        f"{_PORTS}test_a_danger_in_a_slot_that_does_not_switch_is_not_forgotten",
        f"{_PORTS}test_a_budget_that_stuck_ports_use_up_is_said_in_its_own_numbers",
        f"{_DRIVER}test_an_order_that_does_nothing_is_told",
        f"{_DRIVER}test_a_release_that_does_nothing_keeps_the_cut",
        f"{_PLAN}test_what_a_cut_frees_is_given_away_only_once_the_port_reads_as_off",
    ),
    "Each is said once": (
        "tests/stages/test_charge.py::test_numbers_that_cannot_be_are_said_once_and_not_used",
        "tests/stages/test_charge.py::test_a_port_that_does_not_switch_is_said_once_and_left_on",
        f"{_OWN}test_a_charge_that_cannot_be_is_said_once_until_it_can",
    ),
    "Cuts are leases": (
        f"{_HELPER}test_the_daemons_end_gives_back_one_port_after_the_other",
        f"{_HELPER}test_what_is_given_back_stays_within_the_budget",
        f"{_HELPER}test_a_camera_that_has_just_been_given_its_power_counts_before_it_is_seen",
        f"{_DRIVER}test_a_lease_that_ends_is_given_back",
        f"{_DRIVER}test_a_dead_daemon_s_cuts_are_given_back",
        f"{_DRIVER}test_giving_back_stays_within_the_budget",
        f"{_DAEMON}test_power_is_given_back_within_the_budget_by_the_living_and_for_the_dead",
    ),
    "safety cuts stay": (
        f"{_DRIVER}test_a_safety_cut_is_lifted_by_safety_alone",
        f"{_DRIVER}test_a_port_that_was_cut_for_safety_is_cut_again_by_whatever_it_has_power",
        f"{_DAEMON}test_a_rack_that_is_too_hot_is_cut_and_comes_back_one_port_at_a_time",
        f"{_LIFTING}test_a_slot_whose_burning_camera_was_carried_elsewhere_has_power_again",
        f"{_LIFTING}test_a_person_lifts_a_cut_and_who_and_why_is_on_record",
        f"{_LIFTING}test_a_persons_word_does_not_lift_a_heat_that_stands",
    ),
}
