"""Who moved since the run before, and why: two files of scores beside each other."""

import tempfile
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import duckdb
import pyarrow.parquet as pq

from features.text import Text
from features.writing import storage_errors
from serving.score_schema import SCORES_SCHEMA
from serving.scores_file import run_id_of

CHANGES_FILE = "changes.parquet"

MOST_MEMORY_MEGABYTES = 1_000

MOVES: dict[str, Text] = {
    "higher": Text("to a higher risk", "风险升高"),
    "lower": Text("to a lower risk", "风险降低"),
    "told": Text("with a probability now", "现有概率"),
    "abstained": Text("without a probability now", "现无概率"),
    "new": Text("new", "新增"),
    "no_longer": Text("no longer scored", "不再评分"),
}
"""How a customer moved between the bands of risk."""

NO_LONGER = Text("No longer: {reason}", "不再适用：{reason}")

# The reason that gained most in the direction of the move; one that is not listed counts nothing, as it hardly weighs.
_CHANGES = """
COPY (
WITH before AS (SELECT * FROM read_parquet($before)), after AS (SELECT * FROM read_parquet($after)),
moved AS (
  SELECT coalesce(a.customer_id, b.customer_id) AS customer_id,
         coalesce(a.customer_name, b.customer_name) AS customer_name,
         CASE WHEN a.customer_id IS NULL THEN b.account_manager ELSE a.account_manager END AS account_manager,
         CASE WHEN b.customer_id IS NULL THEN 'new' WHEN a.customer_id IS NULL THEN 'no_longer'
              WHEN a.churn_band IS NULL THEN 'abstained' WHEN b.churn_band IS NULL THEN 'told'
              WHEN list_position({bands}, a.churn_band) > list_position({bands}, b.churn_band) THEN 'higher'
              ELSE 'lower' END AS move,
         {pairs},
         coalesce(a.value_at_stake, b.value_at_stake) AS value_at_stake, coalesce(a.currency, b.currency) AS currency,
         a.abstained_because
  FROM before AS b FULL JOIN after AS a ON a.customer_id = b.customer_id
  WHERE a.customer_id IS NULL OR b.customer_id IS NULL OR a.churn_band IS DISTINCT FROM b.churn_band
),
weights AS (
  SELECT customer_id, reason.feature AS feature, reason.weight AS gained, 1 AS is_now, reason.en AS en, reason.zh AS zh
  FROM (SELECT customer_id, unnest(reasons) AS reason FROM after SEMI JOIN moved USING (customer_id))
  UNION ALL
  SELECT customer_id, reason.feature, -reason.weight, 0, {gone_en}, {gone_zh}
  FROM (SELECT customer_id, unnest(reasons) AS reason FROM before SEMI JOIN moved USING (customer_id))
),
gains AS (
  SELECT customer_id, feature, sum(gained) AS gained, arg_max({{'en': en, 'zh': zh}}, is_now) AS why FROM weights
  GROUP BY customer_id, feature
),
told AS (
  SELECT customer_id, CASE WHEN move = 'lower' THEN arg_min(why, gained) ELSE arg_max(why, gained) END AS why
  FROM gains JOIN moved USING (customer_id) WHERE move <> 'no_longer' GROUP BY customer_id, move
)
SELECT customer_id, customer_name, account_manager, move, {columns}, value_at_stake, currency,
       CASE WHEN move = 'abstained' THEN abstained_because ELSE why END AS why
FROM moved LEFT JOIN told USING (customer_id)
ORDER BY abs(coalesce(churn_probability, 0) - coalesce(churn_probability_before, 0)) * coalesce(value_at_stake, 0) DESC,
         customer_id
) TO '{file}' (FORMAT parquet)
"""
_PAIRED = ("churn_probability", "churn_band", "segment", "tier", "recommended_action")


@dataclass(frozen=True)
class Changes:
    """What changed since the run before: the file of who moved, and how many moved how (`MOVES`).

    ``before``: as of when that run was; ``models``: the versions that scored then and now.
    """

    file: Path
    before: datetime
    models: tuple[str, str]
    moves: dict[str, int]

    def kept_as(self, file: Path) -> Self:
        """The same, with its file under another name."""
        with storage_errors(file):
            self.file.chmod(0o644)
            return replace(self, file=self.file.replace(file))

    def first(self, most: int) -> list[dict[str, Any]]:
        """The rows of those whose risk rose, the most money first."""
        with duckdb.connect() as connection:
            risen = connection.read_parquet(str(self.file)).filter("move = 'higher'").limit(most)
            rows: list[dict[str, Any]] = risen.to_arrow_table().to_pylist()
        return rows


def changes_since(before: Path, after: Path, to: Path) -> Changes | None:
    """Write who moved between two files of scores to ``to``, the most money first.

    Columns: customer_id, customer_name, account_manager, move (`MOVES`), churn_probability, churn_band, segment, tier and
    recommended_action as they are and as they were (``_before``), value_at_stake (currency) and why {en, zh}.
    None where ``before`` is no file of scores of this Retinue, or the same run; nothing is written then.
    """
    if not _is_comparable(before) or run_id_of(before) == run_id_of(after):
        return None
    pairs = ", ".join(f"a.{name} AS {name}, b.{name} AS {name}_before" for name in _PAIRED)
    columns = ", ".join(f"{name}_before, {name}" for name in _PAIRED)
    gone = {
        f"gone_{language}": f"replace('{NO_LONGER.of(language)}', '{{reason}}', reason.{language})"
        for language in ("en", "zh")
    }
    query = _CHANGES.format(bands="['low', 'medium', 'high']", pairs=pairs, columns=columns, file=_quoted(to), **gone)
    with tempfile.TemporaryDirectory(prefix="retinue-") as folder, duckdb.connect() as connection:
        connection.execute(f"SET temp_directory = '{_quoted(Path(folder))}'")
        connection.execute(f"SET memory_limit = '{MOST_MEMORY_MEGABYTES}MB'")
        connection.execute(query, {"before": str(before), "after": str(after)})
        counted = connection.execute("SELECT move, count(*) FROM read_parquet($1) GROUP BY move", [str(to)]).fetchall()
        old, new = (_first(connection, file) for file in (before, after))
    found = dict(counted)
    moves = {move: found[move] for move in MOVES if move in found}
    return Changes(to, old[0].replace(tzinfo=UTC), (old[1], new[1]), moves)


def _is_comparable(file: Path) -> bool:
    try:
        return file.is_file() and pq.read_schema(file).equals(SCORES_SCHEMA) and run_id_of(file) is not None
    except (OSError, ValueError):  # pyarrow's own errors are ValueErrors; whatever it is, it is no file of scores
        return False


def _first(connection: duckdb.DuckDBPyConnection, file: Path) -> tuple[datetime, str]:
    query = "SELECT as_of AT TIME ZONE 'UTC', model_version FROM read_parquet($1) LIMIT 1"
    rows: list[tuple[datetime, str]] = connection.execute(query, [str(file)]).fetchall()
    return rows[0]


def _quoted(file: Path) -> str:
    return str(file).replace("'", "''")
