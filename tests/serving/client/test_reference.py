"""The client's types are those of the API, and the client stands alone."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import serving.client
from serving.app import create_app
from serving.client.reference import reference
from serving.routes.state import ServeSettings
from serving.store import STORE_FILE

CLIENT = Path(serving.client.__file__).parent

ALONE = """
import sys
from importlib.abc import MetaPathFinder

class Nothing(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] in ("features", "training", "serving"):
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Nothing())
sys.path.insert(0, sys.argv[1])
from copied import Retinue, RetinueProblem

try:
    Retinue("http://127.0.0.1:9", language="zh", timeout_seconds=1).ready()
except RetinueProblem as problem:
    print(problem.status, problem.title)
"""


def test_the_generated_types_are_what_the_api_says(tmp_path: Path) -> None:
    written = (CLIENT / "answers.py").read_text(encoding="utf-8")
    app = create_app(ServeSettings(tmp_path / STORE_FILE))
    app.state.service.close()
    assert written == reference(app.openapi()), "see the first lines of serving/client/reference.py"


def test_types_are_written_of_texts_lists_choices_and_what_may_be_missing() -> None:
    def described(**properties: object) -> dict[str, object]:
        return {"description": "It.", "properties": properties, "required": list(properties)}

    one, other = {"enum": ["b", "a"]}, {"anyOf": [{"enum": ["c"]}, {"type": "null"}]}
    names = serving.client.reference.ROOTS
    schemas: dict[str, object] = {name: described(en={"type": "string"}, zh={"type": "string"}) for name in names}
    schemas["Score"] = described(part={"$ref": "#/components/schemas/Part"}, kind=one, sums={"type": "object"})
    schemas["Part"] = {
        "description": "A part.",
        "properties": {"kind": other, "list": {"type": "array", "items": {"type": "number"}}},
    }
    schemas["Never"] = described(asked={"type": "string"})
    text = reference({"components": {"schemas": schemas}})
    assert '\nKind = Literal["c"]\nScoreKind = Literal["b", "a"]\n' in text
    part = 'class Part(TypedDict):\n    """A part."""\n\n    kind: NotRequired[Kind | None]\n    list: NotRequired[list[float]]\n'
    whole = 'class Score(TypedDict):\n    """It."""\n\n    part: Part\n    kind: ScoreKind\n    sums: dict[str, Any]\n'
    assert text.index(part) < text.index(whole)
    assert "    en: NotRequired[str]\n    zh: NotRequired[str]\n" in text
    assert "Never" not in text


@pytest.mark.slow
def test_the_folder_can_be_copied_and_used_without_the_rest(tmp_path: Path) -> None:
    shutil.copytree(CLIENT, tmp_path / "copied", ignore=shutil.ignore_patterns("__pycache__"))
    done = subprocess.run(
        [sys.executable, "-c", ALONE, str(tmp_path)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("None 服务没有应答\n", "")
