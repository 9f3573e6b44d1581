"""A column of numbers, however it is written, is read as it was meant or not at all."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.currencies import SIGNS, meant, signs_of
from features.numbers_in_text import Finding, find_notations, number, unified


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": "1"}) as opened:
        yield opened


def read(
    connection: duckdb.DuckDBPyConnection, texts: list[str], by_program: bool = False
) -> tuple[Finding, list[float | None]]:
    """What is found out about a column, and its values read so."""
    connection.execute("CREATE OR REPLACE TABLE t AS SELECT unnest($1::VARCHAR[]) AS x", [texts])
    finding = find_notations(connection, "t", {"x": "x"}, "EUR", by_program)["x"]
    value = number(unified("x"), finding.notation) if finding.notation else "TRY_CAST(x AS DOUBLE)"
    return finding, [row[0] for row in connection.execute(f"SELECT {value} FROM t").fetchall()]


@dataclass(frozen=True)
class Style:
    """How somebody writes numbers."""

    decimal: str
    group: str
    places: int | None
    negative: str
    money: str

    def write(self, value: Decimal) -> str:
        digits = f"{abs(value):,f}" if self.places is None else f"{abs(value):,.{self.places}f}"
        body = digits.translate({ord(","): self.group, ord("."): self.decimal})
        return self.money.format(self.negative.format(body) if value < 0 else body)


@st.composite
def styles(draw: st.DrawFn) -> Style:
    decimal = draw(st.sampled_from(".,"))
    return Style(
        decimal,
        draw(st.sampled_from(["", " ", "'", "\u202f", ".,".replace(decimal, "")])),
        draw(st.sampled_from([None, 0, 1, 2, 3])),
        draw(st.sampled_from(["-{}", "- {}", "({})", "{}-", "−{}"])),
        draw(st.sampled_from(["{}", "€ {}", "{} €", "€{}", "EUR {}", " {} "])),
    )


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(style=styles(), cents=st.lists(st.integers(-(10**9), 10**9), min_size=1, max_size=12), scale=st.integers(0, 3))
def test_a_column_is_read_as_it_was_meant_or_refused(
    connection: duckdb.DuckDBPyConnection, style: Style, cents: list[int], scale: int
) -> None:
    values = [Decimal(c).scaleb(-min(scale, 3 if style.places is None else style.places)) for c in cents]
    finding, found = read(connection, [style.write(v) for v in values])
    if not finding.doubtful:
        assert found == [float(v) for v in values]


@settings(max_examples=30, deadline=None)
@given(values=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=12))
def test_what_a_program_wrote_is_read_as_it_was(connection: duckdb.DuckDBPyConnection, values: list[float]) -> None:
    finding, found = read(connection, [str(v) for v in values], by_program=True)
    assert finding == Finding()
    assert found == values


@pytest.mark.parametrize("text", ["1.234", "1,234", "€ 1.234", "(1,234)", "12.345 kr", "999,999"])
def test_a_number_alone_that_reads_in_two_ways_is_doubtful(connection: duckdb.DuckDBPyConnection, text: str) -> None:
    finding, _ = read(connection, [text, "12"])
    assert finding.doubtful == (text,)


@pytest.mark.parametrize(
    ("telling", "meant"),
    [("0,5", 1.234), ("1,5", 1.234), ("12,345.6", 1234.0), ("1,234,567", 1234.0), ("1 000,5", 1.234)],
)
def test_one_value_that_tells_decides(connection: duckdb.DuckDBPyConnection, telling: str, meant: float) -> None:
    assert read(connection, ["1,234", telling])[1][0] == meant


def test_a_zero_in_brackets_is_no_negative_zero(connection: duckdb.DuckDBPyConnection) -> None:
    assert str(read(connection, ["(0.00)", "1.5"])[1][0]) == "0.0"


def test_no_sign_stands_for_nothing_and_the_companys_currency_comes_first() -> None:
    assert {meant(sign, None) for sign in SIGNS} == {codes[0] for codes in SIGNS.values()}
    assert (meant("$", "CAD"), meant("$", "EUR"), meant("us$", "CAD"), meant("", "EUR")) == ("CAD", "USD", "USD", "")
    assert set(signs_of("JPY", "JPY")) == {"JPY", "JP¥", "¥", "円"}
    assert set(signs_of("JPY", "CNY")) == {"JPY", "JP¥", "円"}
