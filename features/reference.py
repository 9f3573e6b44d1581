"""The feature reference, generated from the catalogue so that it cannot be wrong: ``python -m features.reference``."""

from pathlib import Path

from features.catalogue import FAMILIES, FEATURES, RELATIONS, Feature

HEAD = """# Feature reference / 特征说明

Generated from the catalogue by `python -m features.reference docs/features.md`; do not edit. Each feature is computed per
customer as of an instant, from facts known before it. *From* names the table, and the relation that the SQL reads (see
[`features/catalogue/relations`](../features/catalogue/relations/__init__.py)). *Missing* says when a feature has no value; where it says nothing the
value is 0. *Needs* names the columns without which a feature is left out.

由特征目录自动生成，请勿手工修改。每个特征按客户、按时点计算，只使用该时点之前已知的数据。
"""


def reference() -> str:
    """The whole reference as Markdown: a table a family, in catalogue order."""
    parts = [HEAD]
    for family, title in FAMILIES.items():
        rows = [_row(f) for f in FEATURES if f.family == family]
        if not rows:
            continue
        parts += [
            f"\n## {title.en} / {title.zh}\n",
            "| feature | meaning / 含义 | unit | range | missing / 缺失 | from | needs | SQL |",
            "| --- | --- | --- | --- | --- | --- | --- | --- |",
            *rows,
        ]
    return "\n".join(parts) + "\n"


def _row(feature: Feature) -> str:
    relation = RELATIONS.get(feature.source)
    table = f"{relation.table} (`{relation.name}`)" if relation else "other features"
    missing = f"{feature.missing.en} / {feature.missing.zh}" if feature.missing else ""
    needs = ", ".join(f"`{need.replace('|', '` or `')}`" for need in feature.needs)
    cells = (
        f"`{feature.name}`",
        f"{feature.meaning.en} / {feature.meaning.zh}",
        feature.unit,
        _range(feature.range),
        missing,
        table,
        needs,
        f"percent rank of `{feature.sql}`" if feature.source == "peers" else f"`{feature.sql}`",
    )
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _range(bounds: tuple[float | None, float | None]) -> str:
    low, high = ("" if bound is None else f"{bound:g}" for bound in bounds)
    return f"{low or '−∞'} to {high or '∞'}"


def main(arguments: list[str]) -> None:
    """Write the reference into the file named first."""
    Path(arguments[0]).write_text(reference(), encoding="utf-8")


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
