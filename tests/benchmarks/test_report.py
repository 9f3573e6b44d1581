import pytest

from tests.benchmarks.report import readable


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0, "0"),
        (3.0, "3"),
        (30_000, "30,000"),
        (1_234_567.8, "1,234,568"),
        (-30_000, "-30,000"),
        (1_000.4, "1,000"),
        (999.96, "1,000"),
        (123.456, "123.5"),
        (12.345678, "12.35"),
        (2.5, "2.5"),
        (0.86241, "0.8624"),
        (0.0012345, "0.001234"),
        (0.0000012345, "1.23e-06"),
        (float("inf"), "inf"),
    ],
)
def test_numbers_are_written_as_people_write_them(value: float, written: str) -> None:
    assert readable(value) == written
