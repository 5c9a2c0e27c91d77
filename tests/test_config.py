"""The configuration: what is right is read, and everything that is wrong is said at once."""

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from datetime import time
from pathlib import Path
from typing import Any

import pytest

from dockd import config
from dockd.config import DirectoryStoreConfig, ListenAddress, S3StoreConfig
from dockd.config.problems import all_keys
from dockd.errors import ConfigInvalid

EXAMPLE = Path(__file__).parents[1] / "packaging" / "dockd.toml.example"
S3 = {
    "name": "central",
    "kind": "s3",
    "endpoint": "https://store.example",
    "bucket": "footage",
    "credentials": "/etc/dockd/store.credentials",
}
TUS = {"name": "dems", "kind": "tus", "url": "https://dems.example/files/"}
KEY = "A" * 43 + "="
SHARE = {"name": "share", "kind": "directory", "path": "/srv/footage"}


def problems(document: dict[str, Any]) -> dict[str, str]:
    """Return what is wrong by key path: the reason and what would be right."""
    with pytest.raises(ConfigInvalid) as raised:
        config.parse(document)
    return {
        problem.key_path: f"{problem.reason}; {problem.would_be_right}"
        for problem in raised.value.problems
    }


def write(path: Path, text: str) -> Path:
    """Write a file, and its folder where that is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_the_example_is_a_configuration() -> None:
    """The example file in packaging loads, so that it can be believed as documentation."""
    loaded = config.load(EXAMPLE)
    assert loaded.station.name == "lambeth-03"
    assert loaded.spool.reserve == 20 * 1024**3
    assert [store.kind for store in loaded.store] == ["s3", "tus", "directory"]
    assert loaded.uplink.windows[0].begins == time(6)
    assert loaded.http.listen == ListenAddress("127.0.0.1", 8470)


@pytest.mark.parametrize(
    ("document", "disk_gib", "reserve_gib"),
    [({}, 1000, 20), ({}, 200, 20), ({}, 50, 5), ({"reserve": "20 GiB"}, 50, 20)],
)
def test_a_small_disk_has_a_smaller_reserve(
    document: dict[str, str], disk_gib: int, reserve_gib: int
) -> None:
    """A trial on a small disk takes footage at once, unless its admin wants more kept free."""
    spool = config.parse({"spool": document}).spool
    assert spool.reserve_bytes(disk_gib * 1024**3) == reserve_gib * 1024**3


def test_the_example_shows_every_key() -> None:
    """Every key of the models stands in the example, so that none is undocumented."""
    shown = EXAMPLE.read_text()
    absent = [
        key.path
        for key in all_keys()
        if not re.search(rf"(\b{key.name} = |\[\[?([a-z]+\.)?{key.name}\]\]?)", shown)
    ]
    assert absent == []


def test_every_key_says_what_would_be_right() -> None:
    """Every key has a description, which problem reports quote."""
    assert [key.path for key in all_keys() if not key.field.description] == []


def test_places_that_differ_are_several_stores() -> None:
    """Two buckets, two ports or two folders are two places; a malformed address is said alone."""
    others = [
        {**S3, "name": "b", "bucket": "copies"},
        {**S3, "name": "c", "endpoint": "https://store.example:8443"},
        SHARE,
        {**SHARE, "name": "d", "path": "/srv/footage/copies"},
    ]
    assert len(config.parse({"store": [S3, *others]}).store) == 5
    wrong = {**S3, "endpoint": "https://store.example:port"}
    assert set(problems({"store": [wrong, {**wrong, "name": "b", "endpoint": "https://["}]})) == {
        "store[0].endpoint",
        "store[1].endpoint",
    }


def test_an_empty_configuration_is_enough_to_start() -> None:
    """A station without a configuration has the defaults, and no store."""
    loaded = config.parse({})
    assert loaded.store == ()
    assert loaded.stores.required == 1
    assert loaded.spool.path == Path("/var/lib/dockd")
    assert loaded.station.name


def test_nothing_in_it_can_be_changed_afterwards() -> None:
    """A loaded configuration stays what was loaded."""
    loaded = config.parse({})
    with pytest.raises(ValueError, match="frozen"):
        loaded.wipe.after = "never"


@pytest.mark.parametrize(
    ("document", "key_path", "said"),
    [
        ({"staton": {}}, "staton", "did you mean station?"),
        ({"spool": {"reserv": 1}}, "spool.reserv", "did you mean reserve?"),
        ({"wipe": {"bucket": "x"}}, "wipe.bucket", "it belongs at store[].bucket"),
        ({"wipe": {"qqqqq": "x"}}, "wipe.qqqqq", "known here: after, rehash"),
        ({"store": [{**SHARE, "bucket": "x"}]}, "store[0].bucket", "not a key of dockd"),
        ({"spool": {"reserve": -1}}, "spool.reserve", "too small"),
        ({"spool": {"reserve": "-5 GiB"}}, "spool.reserve", "is not a size"),
        ({"spool": {"reserve": True}}, "spool.reserve", "is true"),
        ({"spool": {"reserve": "5 gigs"}}, "spool.reserve", 'as "20 GiB"'),
        ({"spool": {"keep_stored_h": "72"}}, "spool.keep_stored_h", "in hours"),
        ({"spool": {"path": "spool"}}, "spool.path", "is not an absolute path"),
        ({"spool": 3}, "spool", "a table [spool]"),
        ({"slots": [{"name": "A1"}, {"name": "A1"}]}, "slots[1].name", "as slots[0].name is"),
        (
            {"slots": [{"name": "A", "port": "1-1"}, {"name": "B", "port": "1-1"}]},
            "slots[1].port",
            "its own port",
        ),
        ({"slots": [{"name": "A/1"}]}, "slots[0].name", "letters, digits"),
        ({"slots": [{"name": ".."}]}, "slots[0].name", "letters, digits"),
        ({"slots": [{"name": "A", "port": "somewhere"}]}, "slots[0].port", "USB port"),
        ({"store": [SHARE, {**S3, "name": "share"}]}, "store[1].name", "as store[0].name is"),
        ({"store": [S3, SHARE, {**S3, "name": "b"}]}, "store[2].bucket", "two receipts"),
        (
            {"store": [S3, {**S3, "name": "b", "endpoint": "https://STORE.example:443/"}]},
            "store[1].bucket",
            "as store[0] does",
        ),
        (
            {"store": [SHARE, {**SHARE, "name": "b", "path": "//srv/x/../footage/"}]},
            "store[1].path",
            "for one copy",
        ),
        ({"store": [TUS, {**TUS, "name": "b"}]}, "store[1].url", "the same place"),
        ({"store": [{**TUS, "read_back": "when-unproven"}]}, "store[0].read_back", "not a key"),
        ({"store": [{**TUS, "receipt_url": "http://dems.example/r/{key}"}]},
         "store[0].receipt_url", "https://"),
        ({"store": [{**TUS, "receipt_url": "https://dems.example/r"}]},
         "store[0].receipt_url", "{key}"),
        ({"store": [{**TUS, "receipt_url": "https://elsewhere.example/{key}"}]},
         "store[0].receipt_url", "another origin"),
        ({"store": [{**TUS, "receipt_url": "https://dems.example:8443/{key}"}]},
         "store[0].receipt_url", "another origin"),
        ({"store": [{**TUS, "url": "http://dems.example/files/",
                     "receipt_url": "https://dems.example/{upload}"}]},
         "store[0].receipt_url", "another origin"),
        ({"store": [{"name": "x"}]}, "store[0].kind", 'add "s3", "tus" or "directory"'),
        ({"store": [{"kind": "ftp"}]}, "store[0].kind", 'write "s3", "tus" or "directory"'),
        ({"store": [{**S3, "endpoint": "store"}]}, "store[0].endpoint", "https://"),
        ({"store": [{**S3, "client_cert": "/c"}]}, "store[0].client_key", "client_cert is there"),
        ({"store": [SHARE], "stores": {"required": 2}}, "stores.required", "only 1"),
        ({"store": [{**SHARE, "takes": "flagged"}]}, "stores.required", "[[store]]"),
        ({"store": [{**SHARE, "takes": "most"}]}, "store[0].takes", '"all" or "flagged"'),
        ({"holds": {"url": "https://c/h"}}, "holds.public_key", "add public_key"),
        ({"holds": {"url": "http://c/h", "public_key": KEY}}, "holds.url", "https://"),
        ({"holds": {"url": "https://c/h", "public_key": "QUJD"}}, "holds.public_key", "Ed25519"),
        ({"holds": {"url": "https://c/h", "public_key": 7}}, "holds.public_key", "Ed25519"),
        ({"holds": {"url": "https://c/h", "public_key": "é"}}, "holds.public_key", "Ed25519"),
        ({"holds": {"url": "ftp://c/h", "public_key": KEY}}, "holds.url", "https://"),
        ({"stores": {"required": 0}}, "stores.required", "1 or more"),
        ({"station": {"timezone": "Mars/Base"}}, "station.timezone", "time zone"),
        ({"uplink": {"parallel_clips": 0}}, "uplink.parallel_clips", "1 to 16"),
        ({"uplink": {"parallel_clips": 17}}, "uplink.parallel_clips", "too large"),
        ({"wipe": {"after": "always"}}, "wipe.after", '"receipt" or "never"'),
        ({"power": {"driver": "cambrionix"}}, "power.device", "/dev/ttyUSB0"),
        ({"power": {"driver": "cambrionics"}}, "power.driver", "cambrionix, none, usb-port"),
        ({"power": {"driver": 7}}, "power.driver", '"usb-port"'),
        ({"http": {"listen": "8470"}}, "http.listen", "127.0.0.1:8470"),
        ({"http": {"listen": "127.0.0.1:99999"}}, "http.listen", "beyond 65535"),
        ({"http": {"socket": "/" + "s" * 108}}, "http.socket", "too long"),
        ({"http": {"tls_cert": "/cert"}}, "http.tls_key", "tls_cert is there"),
        ({"mqtt": {"broker": "http://x"}}, "mqtt.broker", "mqtt://host:1883"),
        ({"mqtt": {"commands": True, "command_keys": [KEY]}}, "mqtt.broker", "commands = false"),
        ({"mqtt": {"commands": True, "broker": "mqtt://x"}}, "mqtt.command_keys", "add command_"),
        ({"mqtt": {"command_keys": [""]}}, "mqtt.command_keys[0]", "Ed25519"),
        ({"mqtt": {"command_keys": KEY}}, "mqtt.command_keys", "Ed25519"),
        ({"cameras": {"accept": [{"family": "x", "vendor_id": "46F4"}]}},
         "cameras.accept[0].vendor_id", "hex digits"),
        ({"cameras": {"accept": [{"family": "mass-storage"}]}},
         "cameras.accept[0]", "a serial pattern"),
        ({"cameras": {"accept": [{"family": "x", "clearable": ["../**"]}]}},
         "cameras.accept[0].clearable[0]", "below the camera's root"),
        ({"shift": [{"start": "25:00", "cameras": 1}]}, "shift[0].start", "time of day"),
        ({"spool": {"keep_stored_h": float("nan")}}, "spool.keep_stored_h", "in hours"),
    ],
)  # fmt: skip
def test_a_wrong_key_is_named_with_what_would_be_right(
    document: dict[str, Any], key_path: str, said: str
) -> None:
    """Each kind of mistake names its key path and says what would be right."""
    found = problems(document)
    assert list(found) == [key_path]
    assert said in found[key_path]


def window(begins: str, ends: str) -> dict[str, Any]:
    """Return a window as the file has it."""
    return {"from": begins, "to": ends, "rate_limit_mbit_s": 1}


@pytest.mark.parametrize(
    ("windows", "key_path"),
    [
        ([window("6", "08:00")], "uplink.windows[0].from"),
        ([window("06:00", "06:00")], "uplink.windows[0]"),
        ([window("06:00", "08:00"), window("07:59", "09:00")], "uplink.windows[1]"),
        ([window("22:00", "02:00"), window("01:00", "03:00")], "uplink.windows[1]"),
        ([{"from": "06:00", "rate_limit_mbit_s": 1}], "uplink.windows[0].to"),
    ],
)
def test_a_malformed_window_is_named(windows: list[dict[str, Any]], key_path: str) -> None:
    """A window that is no time, no span, or in another's way is named."""
    assert list(problems({"uplink": {"windows": windows}})) == [key_path]


def test_windows_may_touch_and_pass_midnight() -> None:
    """A window that ends after midnight is one, and one may begin as another ends."""
    windows = [window("22:00", "02:00"), window("02:00", "03:00")]
    assert len(config.parse({"uplink": {"windows": windows}}).uplink.windows) == 2


def test_everything_wrong_is_said_at_once_in_the_order_of_the_file() -> None:
    """One report names every problem, of keys and across keys, in the order of the file."""
    found = problems(
        {
            "http": {"listen": "0.0.0.0:8470"},
            "slots": [{"name": "A1"}, {"name": "A1", "prt": "1-1"}],
            "spool": {"reserve": "-5 GiB", "keep_stored_h": -1},
            "station": {"nam": "x"},
        }
    )
    assert list(found) == [
        "http.tls_cert",
        "http.tls_key",
        "http.token_file",
        "slots[1].name",
        "slots[1].prt",
        "spool.reserve",
        "spool.keep_stored_h",
        "station.nam",
    ]


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "localhost:80", "[::1]:80", "127.9.9.9:1"])
def test_loopback_needs_no_guard(listen: str) -> None:
    """On loopback nothing is asked for."""
    assert config.parse({"http": {"listen": listen}}).http.listen.is_loopback


@pytest.mark.parametrize("guard", ["token_file", "client_ca"])
def test_beyond_loopback_tls_and_one_guard_are_enough(guard: str) -> None:
    """Beyond loopback a certificate, its key and one way of knowing readers are required."""
    http = {"listen": "10.0.0.1:443", "tls_cert": "/c", "tls_key": "/k", guard: "/g"}
    assert not config.parse({"http": http}).http.listen.is_loopback


@pytest.mark.parametrize("token", ["", "\n", "hunter2", "fifteen letters\n"])
def test_a_token_that_can_be_guessed_is_refused_with_what_to_do(tmp_path: Path, token: str) -> None:
    """What runs by the configuration does not begin with one, nor with an empty file."""
    file = write(tmp_path / "token", token)
    main = write(tmp_path / "dockd.toml", f'[http]\ntoken_file = "{file}"\n')
    with pytest.raises(ConfigInvalid) as caught:
        config.load_to_run(main)
    (problem,) = caught.value.problems
    assert str(problem) == (
        f"http.token_file: holds a token of {len(token.strip())} characters, which can be guessed; "
        f"write one of at least 16 into {file}, as `openssl rand -hex 32` makes"
    )
    # The other commands have nothing to do with readers beyond the station.
    assert config.load(main).http.token_file == file
    write(file, "sixteen letters!\n")
    assert config.load_to_run(main).http.token_file == file
    file.unlink()
    assert config.load_to_run(main).http.token_file == file


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [("20 GiB", 20 * 2**30), ("1.5GB", 1_500_000_000), ("7", 7), (" 3 kB ", 3000), ("4 B", 4)],
)
def test_a_size_is_read_with_its_unit(text: str, size_bytes: int) -> None:
    """Sizes are numbers of bytes, or text with a unit."""
    assert config.parse({"spool": {"reserve": text}}).spool.reserve == size_bytes


def test_a_name_without_a_slash_is_a_credential(monkeypatch: pytest.MonkeyPatch) -> None:
    """A credential's bare name lies where systemd put the service's credentials."""
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", "/run/credentials/x")
    loaded = config.parse({"store": [{**S3, "credentials": "store"}]}).store[0]
    assert isinstance(loaded, S3StoreConfig)
    assert loaded.credentials == Path("/run/credentials/x/store")


def test_an_empty_file_means_none() -> None:
    """The empty text stands for no file."""
    loaded = config.parse({"store": [{**S3, "ca_file": ""}]}).store[0]
    assert isinstance(loaded, S3StoreConfig)
    assert loaded.ca_file is None


def test_the_folder_beside_it_is_merged_in(tmp_path: Path) -> None:
    """Tables of dockd.d join, lists of tables grow, other values replace, in order of the names."""
    main = write(
        tmp_path / "dockd.toml",
        '[spool]\nreserve = 5\nkeep_stored_h = 1\n[[slots]]\nname = "A1"\n[stores]\nrequired = 2\n',
    )
    write(tmp_path / "dockd.d" / "20-more.toml", '[[slots]]\nname = "A2"\n[spool]\nreserve = 7\n')
    write(tmp_path / "dockd.d" / "10-first.toml", "[spool]\nreserve = 6\n")
    write(tmp_path / "dockd.d" / "ignored.bak", "[spool]\nreserve = 9\n")
    loaded = config.load(main)
    assert [slot.name for slot in loaded.slots] == ["A1", "A2"]
    assert (loaded.spool.reserve, loaded.spool.keep_stored_h) == (7, 1)
    assert loaded.stores.required == 2


def test_bad_files_are_reported_with_the_rest(tmp_path: Path) -> None:
    """A file that is no TOML, or not UTF-8, does not hide what is wrong in the others."""
    main = write(tmp_path / "dockd.toml", '[station]\nnme = "x"\n')
    bad = write(tmp_path / "dockd.d" / "a.toml", "this is [not toml\n")
    garbled = tmp_path / "dockd.d" / "b.toml"
    garbled.write_bytes(b'[station]\nsite = "\xff"\n')
    with pytest.raises(ConfigInvalid) as raised:
        config.load(main)
    assert [problem.key_path for problem in raised.value.problems] == [
        str(bad),
        str(garbled),
        "station.nme",
    ]


def test_a_file_that_was_named_must_be_there(tmp_path: Path) -> None:
    """A configuration that somebody named and that is absent or unreadable is a problem."""
    with pytest.raises(ConfigInvalid, match="cannot be read"):
        config.load(tmp_path / "absent.toml")
    with pytest.raises(ConfigInvalid, match="cannot be read"):
        config.load(tmp_path)


@pytest.fixture
def public() -> Iterator[Path]:
    """Return a folder that every user may look into, as pytest's own are not."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize("locked", ["dockd.toml", "dockd.d"])
def test_what_may_not_be_read_is_named(public: Path, locked: str) -> None:
    """A file or a dockd.d that the daemon's user may not read is a problem, and is named."""
    main = write(public / "dockd.toml", "")
    write(public / "dockd.d" / "a.toml", "")
    (public / locked).chmod(0)
    if os.geteuid() == 0:
        # Root may read everything, so another user tries.
        os.seteuid(65534)
    try:
        with pytest.raises(ConfigInvalid, match="Permission denied") as raised:
            config.load(main)
    finally:
        os.seteuid(os.getuid())
    assert [problem.key_path for problem in raised.value.problems] == [str(public / locked)]


def test_the_environment_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without --config, $DOCKD_CONFIG names the file."""
    named = write(tmp_path / "other.toml", '[[store]]\nname="s"\nkind="directory"\npath="/s"\n')
    monkeypatch.setenv("DOCKD_CONFIG", str(named))
    loaded = config.load()
    assert [type(store) for store in loaded.store] == [DirectoryStoreConfig]


def test_the_zone_of_windows_and_shifts_is_found() -> None:
    """Windows and shifts follow the configured zone, or the system's."""
    named = config.parse({"station": {"timezone": "Europe/London"}})
    assert named.station.zone.key == "Europe/London"
    assert config.parse({}).station.zone is not None
