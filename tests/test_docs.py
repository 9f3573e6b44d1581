"""What the documents promise is there, and what is there stands in the documents."""

import json
import re
import tomllib
from pathlib import Path

import pytest
from pydantic import BaseModel

from features.catalogue import FEATURES
from features.operation_settings import OperationSettings
from features.project import (
    ChurnBands,
    ChurnSettings,
    CreditSettings,
    EventSettings,
    OwnFeature,
    PlaybookSettings,
    ProjectSettings,
    SegmentSettings,
    ServeSection,
    StoreSettings,
    TableSource,
    TierSettings,
    ValueSettings,
    load_project,
)
from features.reference import reference
from features.score_settings import CostSettings, SupplierScoreSettings, ValueScoreSettings
from features.serve_settings import OidcSettings
from serving.cli import app

ROOT = Path(__file__).parents[1]
SETTINGS: dict[str, type[BaseModel]] = {
    "[project]": ProjectSettings,
    "[tables.NAME]": TableSource,
    "[churn]": ChurnSettings,
    "[churn.bands]": ChurnBands,
    "[value]": ValueSettings,
    "[value.costs]": CostSettings,
    "[value.score]": ValueScoreSettings,
    "[value.suppliers]": SupplierScoreSettings,
    "[segments]": SegmentSettings,
    "[tiers]": TierSettings,
    "[credit]": CreditSettings,
    "[features.NAME]": OwnFeature,
    "[events]": EventSettings,
    "[playbook]": PlaybookSettings,
    "[serve.oidc]": OidcSettings,
    "[store]": StoreSettings,
    "[operation]": OperationSettings,
    "[serve]": ServeSection,
}


def documented() -> dict[str, set[str]]:
    """The keys that the reference of the project file lists, by section."""
    found: dict[str, set[str]] = {}
    for cell in re.findall(r"^\| (`\[.*?) \|", (ROOT / "docs" / "project_file.md").read_text(), re.M):
        section, first = cell.split("`")[1].rsplit(" ", 1)
        found.setdefault(section, set()).update([first, *re.findall(r", `(\w+)`", cell)])
    return found


def test_every_setting_is_documented_and_no_other() -> None:
    expected = {section: set(model.model_fields) for section, model in SETTINGS.items()}
    expected["[churn]"] -= {"bands"}  # a section of its own
    expected["[serve]"] -= {"oidc"}
    expected["[value]"] -= {"costs", "score", "suppliers"}
    assert documented() == expected


def test_the_documented_defaults_are_the_real_ones() -> None:
    text = (ROOT / "docs" / "project_file.md").read_text()
    for section, model in SETTINGS.items():
        for name, field in model.model_fields.items():
            if isinstance(field.default, str | int | float) and name not in ("medium", "high"):
                shown = json.dumps(field.default)
                assert f"| `{section} {name}` | `{shown}` |" in text


def test_the_feature_reference_is_what_the_catalogue_says() -> None:
    written = (ROOT / "docs" / "features.md").read_text()
    assert written == reference(), "run: python -m features.reference docs/features.md"
    assert all(f"| `{feature.name}` |" in written for feature in FEATURES)


def test_the_project_file_of_the_readme_loads(tmp_path: Path) -> None:
    [text] = re.findall(r"```toml\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    file = tmp_path / "retinue.toml"
    file.write_text(re.sub(r"^   ", "", text, flags=re.M))

    project = load_project(file)

    assert tomllib.loads(file.read_text())["project"]["name"] == project.project.name == "Acme Trading"
    assert project.churn.horizon_days == 90


def test_every_command_stands_in_the_readme() -> None:
    text = (ROOT / "README.md").read_text()
    application = app()
    names = [made.name for made in (*application.registered_commands, *application.registered_groups)]
    assert len(names) == 23
    assert [name for name in names if not re.search(rf"retinue (\w+, )*{name}\b", text)] == []


@pytest.mark.parametrize(
    "document",
    sorted(ROOT.glob("*.md")) + sorted(ROOT.glob("*/README.md")) + sorted(ROOT.glob("docs/*.md")),
    ids=lambda p: p.relative_to(ROOT).as_posix(),
)
def test_links_between_documents_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", document.read_text()):
        assert (document.parent / target).exists(), target
