"""Every problem of the catalogue, with the tests that see it raised and those that see it end.

"Every problem clears itself when its cause does, and says how long it lasted." Those that share an
end stand in the list of its mechanism, and `test_ends` raises and ends each of them. A test is
named by its file and its function.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple


class Shown(NamedTuple):
    """The tests that see a problem raised, and those that see it end."""

    raised: tuple[str, ...]
    ended: tuple[str, ...]


OF_A_STORE: Final = (
    "store-unreachable",
    "store-busy",
    "store-refused-credentials",
    "store-bucket-missing",
    "store-receipt-pending",
)
OF_A_CLIP_AT_A_STORE: Final = (
    "store-conflict",
    "store-checksum-mismatch",
    "store-rejected-clip",
    "store-lost-object",
    "transfer-stuck",
    "illegal-fact",
)
OF_A_COPY: Final = (
    "clip-unreadable",
    "clip-changed-while-read",
    "fsync-failed",
    "spool-read-only",
    "spool-changed",
    "spool-full",
)
OF_THE_SPOOL: Final = (
    "spool-read-only",
    "spool-changed",
    "fsync-failed",
    "digest-mismatch",
    "ledger-damaged",
    "internal-error",
)
OF_WHAT_IS_REFUSED: Final = (
    "camera-duplicate-serial",
    "camera-without-serial",
    "camera-not-allowed",
    "camera-not-storage",
    "camera-media-refused",
    "port-not-a-slot",
    "name-unsupported",
)
OF_A_STAY: Final = (
    "camera-media-refused",
    "camera-listing-damaged",
    "helper-unreachable",
    "helper-refused",
    "slot-settling",
    "slot-fault",
)
OF_CHARGING: Final = (
    "cut-for-safety",
    "cut-while-busy",
    "charge-temperature",
    "charge-over-current",
    "charge-no-progress",
    "charge-reading-refused",
    "power-budget",
    "hub-error",
    "hub-rebooted",
    "hub-nonsense",
)
OF_A_TASK: Final = ("detection-failed", "internal-error", "ledger-damaged", "spool-read-only")

_ENDS: Final = "tests/problems/test_ends.py::"
_STORES: Final = "tests/badinput/test_stores.py::"
_FILES: Final = "tests/badinput/test_files.py::"
_SPOOL: Final = "tests/badinput/test_spool.py::"
_STAGES: Final = "tests/stages/test_"
_PLAN: Final = "tests/core/test_charge_plan.py::"
_HUB: Final = "tests/chargers/test_cambrionix.py::"
_USB: Final = "tests/cameras/test_mass_storage.py::"
_HELPER: Final = "tests/helper/test_"

OF_A_MECHANISM: Final[Mapping[str, tuple[str, ...]]] = {
    f"{_ENDS}test_what_is_wrong_with_a_store_ends_when_it_works": OF_A_STORE,
    f"{_ENDS}test_what_keeps_a_clip_from_its_store_ends_when_it_is_stored": OF_A_CLIP_AT_A_STORE,
    f"{_ENDS}test_what_is_wrong_with_a_copy_ends_when_there_is_a_good_one": OF_A_COPY,
    f"{_ENDS}test_what_is_wrong_with_the_spool_ends_with_a_good_round": OF_THE_SPOOL,
    f"{_ENDS}test_what_is_refused_is_forgotten_when_it_is_taken_out": OF_WHAT_IS_REFUSED,
    f"{_ENDS}test_what_keeps_a_camera_closed_ends_when_it_opens": OF_A_STAY,
    f"{_ENDS}test_what_is_wrong_with_charging_ends_with_a_look_without_it": OF_CHARGING,
    f"{_ENDS}test_what_stops_a_part_of_the_station_ends_when_the_part_works": OF_A_TASK,
}

RAISED: Final[Mapping[str, str]] = {
    "store-unreachable": f"{_STORES}test_a_store_that_nobody_runs_is_unreachable",
    "store-busy": f"{_STORES}test_a_store_in_trouble_is_waited_for",
    "store-refused-credentials": f"{_STORES}test_wrong_credentials_are_named_and_clips_wait",
    "store-bucket-missing": f"{_STORES}test_a_missing_bucket_is_named_and_clips_wait",
    "store-conflict": f"{_STORES}test_a_wrong_composite_checksum_holds_the_clip",
    "store-lost-object": f"{_SPOOL}test_an_object_that_vanished_after_its_receipt_is_sent_again",
    "store-rejected-clip": "tests/stages/test_making_room.py::"
    "test_a_copy_that_one_store_refuses_for_ever_stays_and_is_said",
    "clip-unreadable": f"{_FILES}test_a_file_that_cannot_be_read_is_named_and_keeps_no_other_back",
    "clip-changed-while-read": f"{_FILES}test_a_file_that_changes_while_it_is_read_is_read_again",
    "camera-duplicate-serial": f"{_FILES}test_one_serial_in_two_slots_is_believed_in_neither",
    "camera-without-serial": f"{_USB}test_what_is_no_camera_is_refused_in_words",
    "camera-not-allowed": f"{_USB}test_what_is_no_camera_is_refused_in_words",
    "camera-not-storage": f"{_HELPER}rules.py::"
    "test_a_device_of_thousands_of_interfaces_is_refused_in_few_words",
    "camera-media-refused": f"{_HELPER}mounts.py::test_a_damaged_file_system_is_a_refusal",
    "port-not-a-slot": f"{_USB}test_a_device_beside_the_slots_is_named_with_its_port",
    "camera-listing-damaged": f"{_STAGES}listings.py::"
    "test_a_path_that_is_listed_twice_is_copied_once_and_nothing_is_deleted",
    "helper-unreachable": f"{_STAGES}usb_cameras.py::test_a_helper_that_dies_is_waited_for",
    "helper-refused": f"{_USB}test_what_the_helper_refuses_keeps_its_slug",
    "slot-settling": f"{_HELPER}mounts.py::test_no_disk_yet_is_told_apart_from_a_bad_one",
    "charge-temperature": "tests/daemon/test_charging.py::"
    "test_a_rack_that_is_too_hot_is_cut_and_comes_back_one_port_at_a_time",
    "charge-over-current": f"{_PLAN}"
    "test_an_over_current_that_lasts_is_cut_and_one_that_passes_is_not",
    "charge-no-progress": f"{_PLAN}"
    "test_a_camera_that_takes_power_and_gains_nothing_is_cut_and_stays_cut",
    "charge-reading-refused": f"{_STAGES}charge.py::"
    "test_numbers_that_cannot_be_are_said_once_and_not_used",
    "power-budget": f"{_PLAN}test_a_budget_below_one_camera_is_one_problem_and_powers_nothing",
    "cut-while-busy": f"{_STAGES}port_switching.py::"
    "test_a_wipe_that_hangs_is_cut_off_said_and_done_again",
    "hub-error": f"{_HUB}test_a_hub_that_stays_in_error_is_rebooted",
    "hub-rebooted": f"{_HUB}test_modes_hold_over_a_reboot_of_the_hub",
    "hub-nonsense": f"{_HUB}test_nonsense_of_a_port_is_unknown_and_said",
    "spool-read-only": f"{_SPOOL}test_a_spool_that_turns_read_only_is_named_and_nothing_is_lost",
    "spool-changed": f"{_SPOOL}test_a_spool_that_is_another_one_stops_taking_and_wiping",
    "ledger-damaged": "tests/station/test_ledger_hardship.py::"
    "test_a_ledger_that_is_no_database_is_said_to_be_damaged",
}
"""Where a problem of a mechanism has its real cause; others are raised by the mechanism's test."""

ON_ITS_OWN: Final[Mapping[str, str]] = {
    "store-unproven": f"{_ENDS}test_a_store_that_proves_its_content_again_is_unproven_no_longer",
    "store-not-configured": "tests/daemon/test_duties.py::"
    "test_a_store_that_is_there_is_missed_no_longer",
    "upload-stalled": f"{_STAGES}silence.py::test_an_upload_of_which_nothing_is_taken_is_said",
    "uploads-paused": f"{_STAGES}pausing.py::test_nothing_is_begun_while_uploads_are_paused",
    "hold-without-clip": f"{_STAGES}remember.py::test_a_clip_that_the_ledger_lost_keeps_its_camera",
    "holds-unreadable": f"{_ENDS}test_a_damaged_list_of_holds_is_said_until_it_is_taken_away",
    "spool-orphans": f"{_ENDS}test_copies_of_nobody_are_said_until_they_are_taken_away",
    "clip-gone": "tests/daemon/test_elsewhere.py::"
    "test_somebody_who_deletes_is_told_of_until_a_store_has_it",
    "no-known-copy": f"{_ENDS}test_a_clip_without_a_copy_is_said_until_one_is_found",
    "books-open": f"{_STAGES}silence.py::test_books_that_do_not_close_are_a_problem_until_they_do",
    "clip-partial": f"{_STAGES}left_behind.py::"
    "test_a_clip_of_which_only_the_beginning_is_here_is_said",
    "camera-stuck": f"{_STAGES}stuck.py::test_a_read_that_hangs_holds_up_no_other_slot",
    "camera-left-early": f"{_STAGES}left_early.py::"
    "test_a_camera_that_left_early_is_said_until_it_is_docked_again",
    "camera-dirty": f"{_STAGES}usb_cameras.py::"
    "test_a_dirty_medium_is_not_written_to_before_all_is_stored",
    "camera-clock-wrong": f"{_STAGES}dating.py::test_a_clock_that_was_set_right_is_wrong_no_longer",
    "wipe-failed": f"{_ENDS}test_a_wipe_that_failed_is_forgotten_when_it_works",
    "station-silent": f"{_STAGES}silence.py::test_a_rack_of_which_nothing_is_copied_is_an_alarm",
    "slot-silent": f"{_STAGES}slot_silence.py::"
    "test_a_slot_that_stays_silent_is_said_until_something_shows_itself",
    "charger-unreachable": f"{_STAGES}charge.py::"
    "test_a_charger_that_is_silent_is_said_until_it_answers",
    "camera-worn": f"{_STAGES}wear_watch.py::"
    "test_a_battery_that_loses_capacity_is_a_problem_with_its_evidence",
    "slot-worn": f"{_STAGES}wear_watch.py::test_a_slot_that_loses_contact_is_told_from_its_cameras",
    "holds-unreachable": f"{_STAGES}shared_holds.py::"
    "test_nothing_is_cleared_before_a_list_has_come",
    "holds-refused": f"{_STAGES}shared_holds.py::test_what_another_station_holds_stays",
    "holds-outdated": f"{_STAGES}shared_holds.py::test_nothing_is_cleared_before_a_list_has_come",
    "mqtt-unreachable": "tests/daemon/test_mqtt.py::test_a_broker_that_dies_is_found_again",
    "mqtt-refused": "tests/daemon/test_mqtt.py::"
    "test_a_refused_password_is_said_until_the_right_one_is_there",
    "mqtt-command-refused": f"{_STAGES}heed.py::test_what_was_refused_is_let_go_of_after_a_while",
    "config-invalid": "tests/daemon/test_life.py::"
    "test_a_wrong_configuration_changes_nothing_in_a_reload",
    "spool-unproven": f"{_STAGES}read_backs.py::"
    "test_copies_that_somebody_else_keeps_in_memory_are_said_once",
    "ledger-broken": f"{_STAGES}audit.py::"
    "test_a_record_that_was_meddled_with_is_said_until_it_holds_again",
    "ledger-too-new": "tests/station/test_ledger_migrating.py::test_a_newer_ledger_is_refused",
    "ledger-behind": f"{_STAGES}keeping_up.py::"
    "test_commits_that_wait_are_said_until_they_are_through",
    "token-guessed": f"{_STAGES}problems.py::"
    "test_guessing_is_one_problem_for_as_long_as_it_goes_on",
    "clock-unsynchronised": f"{_STAGES}silence.py::"
    "test_a_clock_that_nobody_sets_is_said_until_somebody_does",
    "clock-wrong": f"{_STAGES}timekeeping.py::"
    "test_a_clock_an_hour_wrong_sends_all_the_same_and_is_said",
}
"""The test that sees both the beginning and the end of a problem that has its own of each."""


APART: Final[Mapping[str, Shown]] = {
    "port-not-switchable": Shown(
        (f"{_STAGES}charge.py::test_a_port_that_does_not_switch_is_said_once_and_left_on",),
        (f"{_STAGES}charge.py::test_what_an_earlier_run_said_of_a_port_ends_with_its_cause",),
    ),
    "ledger-restored": Shown(
        ("tests/daemon/test_opening.py::test_a_ledger_of_before_a_rebuild_is_a_restored_one",),
        (f"{_STAGES}renewing.py::test_a_restore_is_not_over_while_one_receipt_is_not_repeated",),
    ),
}
"""Those of which one test sees the beginning, and another the end."""


def shown(slug: str) -> Shown:
    """Return the tests of one problem."""
    if slug in ON_ITS_OWN:
        return Shown((ON_ITS_OWN[slug],), (ON_ITS_OWN[slug],))
    if slug in APART:
        return APART[slug]
    ended = tuple(test for test, slugs in OF_A_MECHANISM.items() if slug in slugs)
    return Shown((RAISED[slug],) if slug in RAISED else ended, ended)
