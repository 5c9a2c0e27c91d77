"""A store family of another package: found, configured and used as dockd's own are."""

from pathlib import Path

import pytest

from dockd import config as configs
from dockd.cli import doctor
from dockd.config import Config
from dockd.errors import ConfigInvalid
from tests.examples.vault import VaultConfig

VAULT = {"kind": "vault", "name": "deep", "shelf": "upper"}


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, *, names: str) -> None:
    """Install a package that says where its family is."""
    installed = folder / "dockd_vault-1.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: dockd-vault\n")
    (installed / "entry_points.txt").write_text(f"[dockd.stores]\nvault = {names}\n")
    monkeypatch.syspath_prepend(folder)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install the worked example."""
    install(tmp_path, monkeypatch, names="tests.examples.vault:family")


def wrong(document: dict[str, object]) -> dict[str, str]:
    """Return what is wrong with a configuration, by key path."""
    with pytest.raises(ConfigInvalid) as raised:
        configs.parse(document)
    return {
        problem.key_path: f"{problem.reason}; {problem.would_be_right}"
        for problem in raised.value.problems
    }


@pytest.mark.usefixtures("installed")
def test_it_is_configured_by_its_own_table(tmp_path: Path) -> None:
    """Nothing in dockd names the family: its entry point does, and its table says what it takes."""
    (tmp_path / "dockd.toml").write_text(
        '[[store]]\nkind = "vault"\nname = "deep"\nshelf = "upper"\ntakes = "all"\n'
    )
    (store,) = configs.load(tmp_path / "dockd.toml").store
    assert store == VaultConfig(kind="vault", name="deep", shelf="upper", keep_years=7)


@pytest.mark.usefixtures("installed")
@pytest.mark.asyncio
async def test_it_is_used_through_everything_that_is_wrapped_around_a_store() -> None:
    """An object is written, read and deleted, and its receipts count."""
    found = await doctor._stores(Config.model_validate({"store": (VAULT,)}))
    assert [(finding.well, finding.area) for finding in found] == [(True, "store")] * 2
    assert "store deep: receipts are of strength digest" in found[-1].sentence


@pytest.mark.usefixtures("installed")
def test_everything_wrong_with_it_is_said_at_once_in_its_own_words() -> None:
    """Its keys are as strict as dockd's, and stand in one report with all others."""
    share = {"kind": "directory", "name": "share", "path": "/srv/x", "shelf": "upper"}
    vault = {"kind": "vault", "shelff": "x", "keep_years": 0, "bucket": "b", "takes": "most"}
    assert wrong({"station": {"nam": "x"}, "store": [share, vault]}) == {
        "station.nam": "is not a key of dockd; did you mean name?",
        "store[0].shelf": "is not a key of dockd; known here: name, takes, kind, path, "
        "allow_same_disk",
        "store[1].shelff": "is not a key of dockd; did you mean shelf?",
        "store[1].keep_years": "is 0, which is too small; write how long it keeps a clip, in years",
        "store[1].bucket": "is not a key of dockd; known here: name, takes, kind, shelf, "
        "keep_years",
        "store[1].takes": 'is \'most\'; write "all" or "flagged": whether it gets every clip, '
        "or flagged ones beside the stores that count",
        "store[1].name": "is missing; add the store's name (letters, digits, . _ -)",
        "store[1].shelf": "is missing; add the shelf's name, in small letters",
    }


@pytest.mark.usefixtures("installed")
def test_one_shelf_under_two_names_is_no_second_copy() -> None:
    """What is told the same in all but its name leads to the same place."""
    twice = [VAULT, {**VAULT, "name": "b"}]
    assert "two receipts would stand for one copy" in wrong({"store": twice})["store[1].kind"]
    assert configs.parse({"store": [VAULT, {**VAULT, "name": "b", "shelf": "lower"}]}).store


def test_a_family_that_is_not_installed_is_none() -> None:
    """Who misspells it, or forgot the package, is told what there is."""
    said = wrong({"store": [VAULT]})["store[0].kind"]
    assert said == 'is \'vault\'; write "s3", "tus" or "directory"'


@pytest.mark.parametrize(
    ("names", "why"),
    [
        ("tests.examples.no_such_thing:family", "cannot be used (No module named"),
        ("tests.examples.card_reader:family", "cannot be used ('function' object has no attribute"),
        ("tests.fakes.servers:S3Server", "cannot be used (type object"),
    ],
)
def test_a_package_that_cannot_be_used_is_a_problem_of_its_entry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: str, why: str
) -> None:
    """Beside whatever else is wrong: somebody else's mistake hides nothing."""
    install(tmp_path, monkeypatch, names=names)
    said = wrong({"station": {"nam": "x"}, "store": [VAULT]})
    assert said.keys() == {"station.nam", "store[0]"}
    assert f"the package of 'vault' {why}" in said["store[0]"]
