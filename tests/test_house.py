"""Rules of the house that no single module can keep alone."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path
from string import Formatter

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("features", "training", "serving")
MODULES = sorted(file for package in PACKAGES for file in (ROOT / package).rglob("*.py"))
LONGEST_MODULE_LINES = 450
WRITTEN_BY_A_PROGRAM = ROOT / "serving" / "client" / "answers.py"  # as long as the API is wide

UNFINISHED = re.compile(r"\b(?:TO" + "DO|FIX" + r"ME)\b")
PACKAGE_INDEX = re.compile(
    r"https?://[^\s\"'<>]*(?:/simple/?(?=$|[\s\"'<>)\],])|pythonhosted\.|/pypi/(?!project)|artifactory|/nexus/)", re.M
)
MACHINE_PATH = re.compile(r"(?<![\w./}~-])/(?:work|root|tmp)(?![\w-])")


def tracked_files() -> list[Path]:
    """What belongs to the project: the files in git, or in an unpacked source archive all of them."""
    if not (ROOT / ".git").exists():
        files = (p for p in ROOT.rglob("*") if p.is_file())
        return [p for p in files if not any(part.startswith(".") for part in p.relative_to(ROOT).parts)]
    listed = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True
    )
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def text_files() -> Iterator[tuple[Path, str]]:
    for file in tracked_files():
        try:
            yield file.relative_to(ROOT), file.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


def texts_in(module: Path) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Text":
            yield f"{module.relative_to(ROOT)}:{node.lineno}", node


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def words(text: str) -> str:
    return "".join(literal for literal, _, _, _ in Formatter().parse(text))


def written(node: ast.expr) -> str | None:
    """A text as it stands in the source, an f-string with its expressions as placeholders; None if it is no literal."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(
            f"{{{ast.unparse(part.value)}}}"
            if isinstance(part, ast.FormattedValue)
            else escaped(ast.literal_eval(part))
            for part in node.values
        )
    return None


def escaped(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def text_faults(call: ast.Call) -> str | None:
    """Why a text that is written out in the source does not speak both languages; None when it does."""
    said = [written(part) for part in (*call.args, *(keyword.value for keyword in call.keywords))]
    if all(part is None for part in said):
        return None
    if len(said) != 2 or said[0] is None or said[1] is None:
        return "both languages must be written out"
    en, zh = said[0], said[1]
    if bool(en) != bool(zh):
        return f"the {'second' if en else 'first'} text is empty"
    if placeholders(en) != placeholders(zh):
        return f"placeholders differ: {sorted(placeholders(en) ^ placeholders(zh))}"
    if re.search("[a-z]", words(en)) and not re.search("[一-鿿]", zh):
        return f"the second text is not Chinese: {zh!r}"
    return None


def test_every_text_speaks_english_and_chinese_with_the_same_placeholders() -> None:
    faults = [f"{where}: {fault}" for m in MODULES for where, call in texts_in(m) if (fault := text_faults(call))]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ('Text("got {a}", "得到 {a}")', None),
        ('Text("{a}: {b}", "{a}：{b}")', None),
        ("Text(*pair)", None),
        ('Text("got {a}", "得到 {b}")', "placeholders differ: ['a', 'b']"),
        ('Text("got", "got")', "the second text is not Chinese: 'got'"),
        ('Text("got", other)', "both languages must be written out"),
        ('Text("got")', "both languages must be written out"),
        ('Text("AUC {a}", "AUC {a}")', None),
        ('Text(f"last {n} days", f"最近 {n} 天")', None),
        ('Text(f"last {n} days", f"最近 {m} 天")', "placeholders differ: ['m', 'n']"),
        ('Text("", "空")', "the first text is empty"),
    ],
)
def test_the_check_of_texts_finds_what_it_should(source: str, fault: str | None) -> None:
    call = ast.parse(source, mode="eval").body
    assert isinstance(call, ast.Call)
    assert text_faults(call) == fault


def test_no_module_has_swelled() -> None:
    written = [m for m in MODULES if m != WRITTEN_BY_A_PROGRAM]
    lengths = {str(m.relative_to(ROOT)): len(m.read_text(encoding="utf-8").splitlines()) for m in written}
    assert not {name: lines for name, lines in lengths.items() if lines > LONGEST_MODULE_LINES}


def test_nothing_is_left_unfinished() -> None:
    assert not [
        f"{name}:{number}"
        for name, text in text_files()
        if name.suffix in {".py", ".sql", ".html", ".toml", ".md"}
        for number, line in enumerate(text.splitlines(), 1)
        if UNFINISHED.search(line)
    ]


def test_no_file_names_a_package_index_or_a_path_of_one_machine() -> None:
    assert not [
        f"{name}: {found.group()}"
        for name, text in text_files()
        for pattern in (PACKAGE_INDEX, MACHINE_PATH)
        for found in pattern.finditer(text)
    ]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("see " + "https://" + "docs.example.org/simple-guide/index.html", False),
        ("see " + "https://" + "index.example/project/retinue/", False),
        ("--index " + "https://" + "index.example/simple", True),
        ("mirror: '" + "http://" + "user@mirror.example:8080/root/pypi/+simple/'", True),
        ("https://" + "files.python" + "hosted.example/packages/x.whl", True),
        ("a customer/" + "work/list", False),
        ("open('/" + "tmp/x')", True),
        ("/" + "work/main", True),
        ("cd /" + "root", True),
    ],
)
def test_the_check_of_addresses_finds_what_it_should(text: str, found: bool) -> None:
    assert bool(PACKAGE_INDEX.search(text) or MACHINE_PATH.search(text)) is found


def test_no_other_distribution_owns_our_top_level_names() -> None:
    owners = packages_distributions()
    assert not {name: owners[name] for name in PACKAGES if set(owners.get(name, [])) - {"retinue"}}


IMPORT_QUIETLY = """
import importlib, logging, os, pkgutil, sys, warnings

class Watched(type(os.environ)):
    def __getitem__(self, key):
        frame = sys._getframe(1)
        while frame.f_globals.get("__name__") in ("os", "collections.abc"):
            frame = frame.f_back
        ours = frame.f_globals.get("__name__", "").partition(".")[0] in ("features", "training", "serving")
        if ours and not key.startswith("PYARROW_"):  # pyarrow's compiled code shows no frame of its own
            print("reads", key, "in", frame.f_globals["__name__"])
        return super().__getitem__(key)

    def __contains__(self, key):
        try:
            self[key]
        except KeyError:
            return False
        return True

os.environ.__class__ = Watched
import features, training, serving
if sys.argv[1] == "all":
    for package in (features, training, serving):
        for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            # the command line speaks the reader's language from its first word, so it asks for it at once
            if not module.name.startswith("serving.cli") and not module.name.endswith("__main__"):
                importlib.import_module(module.name)
for name in [None, "features", "training", "serving"]:
    if logging.getLogger(name).handlers:
        print("configures logging of", name or "everybody")
"""


def import_in_an_empty_folder(which: str, folder: Path, source: Path = ROOT) -> tuple[str, list[str]]:
    """What importing prints, and the files that it leaves in its folder and home, less what libraries cache there."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_QUIETLY, which],
        cwd=folder,
        env={"PYTHONPATH": str(source), "HOME": str(folder), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    made = (p.relative_to(folder) for p in folder.rglob("*"))
    return done.stdout + done.stderr, sorted(str(p) for p in made if p.parts[0] not in (".cache", ".config"))


def test_importing_the_packages_does_nothing_visible(tmp_path: Path) -> None:
    assert import_in_an_empty_folder("packages", tmp_path) == ("", [])


def test_the_check_of_imports_sees_files_logging_environment_and_output(tmp_path: Path) -> None:
    loud = (
        "import logging, os\nopen('made', 'w').close()\nlogging.basicConfig()\nos.environ.get('HOME')\nprint('hello')\n"
    )
    source, folder = tmp_path / "source", tmp_path / "folder"
    folder.mkdir()
    for package in PACKAGES:
        (source / package).mkdir(parents=True)
        (source / package / "__init__.py").write_text(loud if package == "training" else "")
    output, files = import_in_an_empty_folder("packages", folder, source)
    assert output.splitlines() == ["reads HOME in training", "hello", "configures logging of everybody"]
    assert files == ["made"]


@pytest.mark.slow
def test_importing_any_module_does_nothing_visible(tmp_path: Path) -> None:
    assert import_in_an_empty_folder("all", tmp_path) == ("", [])


def test_every_test_folder_is_a_package() -> None:
    folders = [f for f in (ROOT / "tests").rglob("*") if f.is_dir() and f.name != "__pycache__"]
    assert not [str(f.relative_to(ROOT)) for f in folders if not (f / "__init__.py").exists()]


def test_the_packages_import_each_other_in_one_direction_only() -> None:
    linter = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
