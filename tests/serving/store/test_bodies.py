"""Finished JSON of whole tables says what a JSON library says of each row."""

from datetime import UTC, date, datetime

import orjson
import pyarrow as pa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from serving.score_schema import SCORES_SCHEMA
from serving.store.bodies import json_bodies
from tests.serving.conftest import COMPANY, table

texts = st.text(max_size=8)
numbers = st.floats(allow_nan=False, allow_infinity=False)
pairs = st.fixed_dictionaries({"en": texts, "zh": st.none() | texts})
SCHEMA = pa.schema(
    [
        ("customer id", pa.string()),
        ("number", pa.float64()),
        ("count", pa.int64()),
        ("is", pa.bool_()),
        ("day", pa.date32()),
        ("at", pa.timestamp("us", "UTC")),
        ("text", pa.struct([("en", pa.string()), ("zh", pa.string())])),
        ("list", pa.list_(pa.struct([("weight", pa.float64()), ("en", pa.string())]))),
    ]
)
rows = st.fixed_dictionaries(
    {
        "customer id": st.none() | texts,
        "number": st.none() | numbers,
        "count": st.none() | st.integers(-(2**53), 2**53),
        "is": st.none() | st.booleans(),
        "day": st.none() | st.dates(date(1700, 1, 1), date(2300, 1, 1)),
        "at": st.none() | st.datetimes(datetime(1700, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),
        "text": st.none() | pairs,
        "list": st.none() | st.lists(st.fixed_dictionaries({"weight": numbers, "en": texts}), max_size=3),
    }
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(rows, max_size=5))
def test_each_row_reads_as_the_same_row(written: list[dict[str, object]]) -> None:
    table = pa.Table.from_pylist(written, SCHEMA)
    bodies = [orjson.loads(body) for body in json_bodies(table).to_pylist()]
    assert bodies == [orjson.loads(orjson.dumps(row, option=orjson.OPT_UTC_Z)) for row in table.to_pylist()]


def test_a_score_is_told_with_its_fields_in_their_order() -> None:
    scores = table(COMPANY)
    for body, row in zip(json_bodies(scores).to_pylist(), scores.to_pylist(), strict=True):
        assert list(orjson.loads(body)) == SCORES_SCHEMA.names
        assert orjson.loads(body) == orjson.loads(orjson.dumps(row, option=orjson.OPT_UTC_Z))
