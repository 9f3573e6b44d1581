"""``retinue features``: the snapshot that models see, for one date or several."""

from pathlib import Path
from typing import Annotated

import typer

from features.project import load_project
from features.text import Text
from features.writing import atomic_file, require_space
from serving.cli.output import ProjectOption, QuietOption, here, progress_bar, read_as_of, say, say_set_aside

HELP = Text(
    "Write the features of every customer as of one date or several, one row per customer and date.\n\n"
    "Example: retinue features --as-of 2026-06-01 --as-of 2026-07-01 --out features.parquet",
    "输出每位客户在一个或多个日期的特征，每位客户每个日期一行。\n\n"
    "示例：retinue features --as-of 2026-06-01 --as-of 2026-07-01 --out features.parquet",
)

AsOfs = Annotated[
    list[str],
    typer.Option(
        "--as-of",
        help=here(
            Text(
                "Date or instant; only facts known before it count. May be given several times.",
                "日期或时刻；只使用此前已知的数据。可多次给出。",
            )
        ),
    ),
]
OutFile = Annotated[Path, typer.Option("--out", help=here(Text("Parquet file to write.", "要写入的 Parquet 文件。")))]


def features(
    as_of: AsOfs,
    out: OutFile = Path("features.parquet"),
    project: ProjectOption = Path("."),
    quiet: QuietOption = False,
) -> None:
    """Write the features as of one date or several."""
    import pyarrow.parquet as pq

    from features.rejects_files import keep_set_aside
    from features.snapshot import snapshot
    from features.sources import open_facts

    settings = load_project(project)
    instants = [read_as_of(value, settings) for value in as_of]
    require_space(out, 1)
    with progress_bar(quiet) as progress:
        progress(Text("reading the facts", "读取数据"), 0.1)
        with open_facts(settings) as facts:
            progress(Text("computing features", "计算特征"), 0.4)
            table = snapshot(facts, instants)
            set_aside = keep_set_aside(facts)
        progress(Text("writing", "写入"), 0.9)
        with atomic_file(out) as temporary:
            pq.write_table(table, temporary)
    say_set_aside(set_aside)
    say(
        Text(
            "{rows:,} rows of {features} features written to {out}.", "已将 {rows:,} 行、{features} 个特征写入 {out}。"
        ).format(rows=table.num_rows, features=table.num_columns - 2, out=out)
    )


COMMANDS = (("features", features, HELP),)
