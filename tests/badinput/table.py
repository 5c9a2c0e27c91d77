"""What bad input gets: every noun of that paragraph, and the tests that show what becomes of it.

The nouns are the paragraph's own words, in its order; `PARAGRAPH` is the whole of it, so that the
table can be held against it. A test is named by its node id without its parameters, or with them
where only some of them show it.
"""

from collections.abc import Mapping
from typing import Final

PARAGRAPH: Final = (
    "A clear error with a slug, a reason, an owner and a next step, and nothing lost: an "
    "unknown or misspelt config key, a wrong type, a negative size, a slot named twice, all "
    "reported at once with their key paths; file names with control characters, non-UTF-8 "
    "bytes, 255 bytes, names that differ only in case, names that would escape the spool or "
    "break an S3 key; symlinks, fifos, sockets, directories 64 deep, 20,000 files in one "
    "folder, empty files, a file that grows, shrinks or changes while it is read, a file that "
    "cannot be read; a camera pulled at every stage; a clip overwritten by another of the same "
    "name, size and mtime between two dockings; the same serial in two slots; a full spool; a "
    "spool that turns read-only; a spool that is not the one it was; a ledger from yesterday; "
    "wrong credentials, a missing bucket, a store that answers 500, 503 with Retry-After, 200 "
    "with an error body, an ETag missing, a wrong composite checksum, a truncated ListParts, a "
    "connection reset, an object that vanished after its receipt, or nothing at all."
)
BETWEEN: Final = frozenset({"or", "with"})
"""Words that join two nouns and belong to neither."""

_CONFIG: Final = "tests/test_config.py"
_WRONG_KEY: Final = f"{_CONFIG}::test_a_wrong_key_is_named_with_what_would_be_right"
_COMMAND: Final = "tests/badinput/test_configuration.py"
_NAMES: Final = "tests/badinput/test_names.py"
_FILES: Final = "tests/badinput/test_files.py"
_SPOOL: Final = "tests/badinput/test_spool.py"
_STORES: Final = "tests/badinput/test_stores.py"
_ADAPTER: Final = "tests/stores/test_s3"
_REFUSED: Final = f"{_COMMAND}::test_a_bad_configuration_is_refused_in_the_words_of_its_keys"
_CHANGING: Final = f"{_FILES}::test_a_file_that_changes_while_it_is_read_is_read_again"
_IN_TROUBLE: Final = f"{_STORES}::test_a_store_in_trouble_is_waited_for"

TABLE: Final[Mapping[str, tuple[str, ...]]] = {
    "A clear error with a slug, a reason, an owner and a next step": (
        f"{_COMMAND}::test_every_problem_of_the_catalogue_says_what_to_do",
        _REFUSED,
    ),
    "and nothing lost": (f"{_FILES}::test_a_camera_pulled_at_every_stage_loses_nothing",),
    "an unknown": (_REFUSED, _WRONG_KEY),
    "misspelt config key": (_REFUSED, _WRONG_KEY),
    "a wrong type": (_REFUSED, _WRONG_KEY),
    "a negative size": (_REFUSED, _WRONG_KEY),
    "a slot named twice": (_REFUSED, _WRONG_KEY),
    "all reported at once with their key paths": (
        _REFUSED,
        f"{_CONFIG}::test_everything_wrong_is_said_at_once_in_the_order_of_the_file",
    ),
    "file names with control characters": (f"{_NAMES}::test_names_with_control_characters_arrive",),
    "non-UTF-8 bytes": (f"{_NAMES}::test_names_that_are_not_utf_8_arrive",),
    "255 bytes": (f"{_NAMES}::test_names_of_255_bytes_arrive",),
    "names that differ only in case": (
        f"{_NAMES}::test_names_that_differ_only_in_case_arrive_each",
    ),
    "names that would escape the spool": (
        f"{_NAMES}::test_names_that_lead_elsewhere_stay_where_they_belong",
        "tests/station/test_spool_layout.py::test_no_name_leaves_the_dockings_folder",
    ),
    "break an S3 key": (
        f"{_NAMES}::test_names_that_lead_elsewhere_stay_where_they_belong",
        "tests/conformance/test_stores.py::test_odd_names_arrive_at_their_own_keys[seaweedfs",
    ),
    "symlinks": (f"{_NAMES}::test_links_are_left_and_named",),
    "fifos": (f"{_NAMES}::test_fifos_are_left_and_named",),
    "sockets": (f"{_NAMES}::test_sockets_are_left_and_named",),
    "directories 64 deep": (f"{_NAMES}::test_files_64_folders_deep_arrive",),
    "20,000 files in one folder": (
        f"{_FILES}::test_20_000_files_in_one_folder_are_taken_in",
        f"{_FILES}::test_thousands_of_small_files_are_carried_to_the_end",
    ),
    "empty files": (f"{_NAMES}::test_empty_files_arrive",),
    "a file that grows": (f"{_CHANGING}[grows]",),
    "shrinks": (f"{_CHANGING}[shrinks]",),
    "changes while it is read": (f"{_CHANGING}[changes]",),
    "a file that cannot be read": (
        f"{_FILES}::test_a_file_that_cannot_be_read_is_named_and_keeps_no_other_back",
        f"{_FILES}::test_other_cameras_go_on_beside_a_bad_one",
    ),
    "a camera pulled at every stage": (
        f"{_FILES}::test_a_camera_pulled_at_every_stage_loses_nothing",
    ),
    "a clip overwritten by another of the same name, size and mtime between two dockings": (
        f"{_FILES}::test_a_clip_overwritten_by_its_twin_is_a_clip_of_its_own",
    ),
    "the same serial in two slots": (
        f"{_FILES}::test_one_serial_in_two_slots_is_believed_in_neither",
    ),
    "a full spool": (
        f"{_SPOOL}::test_a_full_spool_says_so_and_goes_on_once_there_is_room",
        f"{_SPOOL}::test_a_camera_pulled_from_a_full_spool_leaves_no_problem_of_its_own",
    ),
    "a spool that turns read-only": (
        f"{_SPOOL}::test_a_spool_that_turns_read_only_is_named_and_nothing_is_lost",
    ),
    "a spool that is not the one it was": (
        f"{_SPOOL}::test_a_spool_that_is_another_one_stops_taking_and_wiping",
    ),
    "a ledger from yesterday": (
        f"{_SPOOL}::test_a_ledger_from_yesterday_is_noticed_and_nothing_is_lost",
    ),
    "wrong credentials": (f"{_STORES}::test_wrong_credentials_are_named_and_clips_wait",),
    "a missing bucket": (
        f"{_STORES}::test_a_missing_bucket_is_named_and_clips_wait",
        "tests/conformance/test_s3_real.py::test_a_missing_bucket_is_said_to_be_missing",
    ),
    "a store that answers 500": (f"{_IN_TROUBLE}[500]",),
    "503 with Retry-After": (
        f"{_IN_TROUBLE}[503]",
        f"{_ADAPTER}_trouble.py::test_retry_after_is_understood_in_both_its_forms",
    ),
    "200 with an error body": (f"{_STORES}::test_a_200_with_an_error_body_is_no_success",),
    "an ETag missing": (
        f"{_STORES}::test_a_part_without_an_etag_is_not_believed",
        f"{_STORES}::test_an_object_without_an_etag_is_proved_before_it_counts",
    ),
    "a wrong composite checksum": (
        f"{_STORES}::test_a_wrong_composite_checksum_holds_the_clip",
        f"{_ADAPTER}_proving.py::test_a_wrong_composite_checksum_at_complete_is_a_mismatch",
    ),
    "a truncated ListParts": (
        f"{_STORES}::test_a_truncated_list_of_parts_is_not_believed",
        f"{_ADAPTER}_listing.py::test_a_truncated_list_of_parts_is_not_believed",
    ),
    "a connection reset": (f"{_IN_TROUBLE}[reset]",),
    "an object that vanished after its receipt": (
        f"{_SPOOL}::test_an_object_that_vanished_after_its_receipt_is_sent_again",
    ),
    "nothing at all": (
        f"{_STORES}::test_a_store_that_says_nothing_at_all_holds_nothing_up",
        f"{_STORES}::test_a_store_that_nobody_runs_is_unreachable",
        f"{_ADAPTER}_trouble.py::test_nothing_at_all_ends_in_a_deadline",
    ),
}
