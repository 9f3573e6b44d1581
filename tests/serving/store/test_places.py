"""Where a project's store lies, and that no password is ever shown."""

from pathlib import Path

import pytest
from sqlalchemy import URL

from features.errors import ProjectError, StorageError
from features.project import load_project
from serving.store import STORE_FILE, open_store, store_place
from serving.store.places import STORE_URL, shown
from tests.serving.conftest import write_project

SECRET = "s3cret-word"


def place(folder: Path, setting: str = "") -> Path | URL:
    write_project(folder)
    with (folder / "retinue.toml").open("a", encoding="utf-8") as file:
        file.write(setting)
    return store_place(load_project(folder))


def test_without_a_setting_the_store_is_a_file_in_the_workspace(tmp_path: Path) -> None:
    assert place(tmp_path) == tmp_path / ".retinue" / STORE_FILE


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_the_project_file_names_a_database(tmp_path: Path, scheme: str) -> None:
    found = place(tmp_path, f'[store]\nurl = "{scheme}://anna@db.example:5433/retinue"\n')
    assert isinstance(found, URL)
    assert (found.drivername, found.host, found.port) == ("postgresql+psycopg", "db.example", 5433)


def test_the_environment_goes_before_the_project_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(STORE_URL, f"postgresql://anna:{SECRET}@first.example/retinue?password={SECRET}")
    found = place(tmp_path, '[store]\nurl = "postgresql://second.example/retinue"\n')
    assert shown(found) == "postgresql://anna@first.example/retinue"


@pytest.mark.parametrize(
    "url", [f"mysql://anna:{SECRET}@db/x", f"anna:{SECRET}@db", f"postgresql://anna:{SECRET}@db:port/x"]
)
def test_what_is_no_address_is_refused_without_showing_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv(STORE_URL, url)
    with pytest.raises(ProjectError, match="RETINUE_STORE_URL: expected the address") as refused:
        place(tmp_path)
    assert SECRET not in str(refused.value) + refused.value.text.zh


def test_a_server_that_does_not_answer_is_a_clear_error_without_the_password() -> None:
    url = URL.create("postgresql+psycopg", "anna", SECRET, "127.0.0.1", 1, "retinue")
    with pytest.raises(
        StorageError, match=r"postgresql://anna@127.0.0.1:1/retinue cannot be reached \(.*refused"
    ) as told:
        open_store(url)
    assert SECRET not in str(told.value) + repr(told.value.__cause__)


def test_a_wrong_password_is_a_clear_error_without_it(postgresql: str) -> None:
    url = URL.create(
        "postgresql+psycopg", "retinue", "wrong-" + SECRET, "127.0.0.1", int(postgresql.split(":")[3][:-9]), "x"
    )
    with pytest.raises(StorageError, match="password authentication failed") as told:
        open_store(url)
    assert "wrong-" not in str(told.value)
