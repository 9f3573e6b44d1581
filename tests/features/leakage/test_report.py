import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from features.leakage.certificate import CHECKS, Certificate, Checked, Finding, in_order
from features.leakage.report import COLUMNS, by_subject, day, markdown, row, sound, verdict, what_was_checked
from features.text import Text

JULY, AUGUST = datetime(2025, 7, 1, tzinfo=UTC), datetime(2025, 8, 1, 7, 30, tzinfo=UTC)
SAID, NEXT = Text("It | changes.", "它改变了。"), Text("Look.", "请看。")
LEAK = Finding("truncation", "spend_90d", "failed", SAID, NEXT, JULY, 12, "customers", "C1")
OTHER = replace(LEAK, check="edge", cutoff=AUGUST, count=3)
WARNING = Finding("clocks", "orders", "warning", Text("Swapped?", "颠倒了？"), NEXT, None, 5, "rows")
PASSED = Finding("truncation", "", "passed", Text("All stay.", "均不变。"), cutoff=AUGUST, count=40)
CHECKED = Checked(("spend_90d", "age"), (JULY,), (AUGUST,), 40, 50, {"orders": 1_200}, 10)


def certificate(*findings: Finding) -> Certificate:
    return Certificate(AUGUST, "abc123", CHECKED, in_order(findings), (Text("A limit.", "一项局限。"),))


def test_a_certificate_passes_unless_something_failed() -> None:
    assert certificate(PASSED, WARNING).verdict == "passed"
    assert certificate(PASSED, LEAK).verdict == "failed"
    assert verdict(certificate(PASSED, WARNING)).en == "PASS: no leak was found (warnings: 1)."
    assert verdict(certificate(LEAK, OTHER, WARNING)).en == "FAIL: 2 (warnings: 1)."
    assert verdict(certificate(LEAK)).zh == "未通过：1 项不合格（警告：0 项）。"


def test_failures_come_first_then_warnings_in_the_order_of_the_checks() -> None:
    assert in_order([PASSED, WARNING, OTHER, LEAK]) == (LEAK, OTHER, WARNING, PASSED)
    assert list(CHECKS)[:4] == ["truncation", "shift", "shuffle", "edge"]


def test_what_was_checked_stands_in_one_sentence() -> None:
    said = what_was_checked(certificate())
    assert "2 features at 1 cut-offs (2025-07-01 to 2025-07-01; probes on the very instant of a fact: 1)" in said.en
    assert "on 40 of 50 customers with their facts (orders 1,200). Catalogue abc123." in said.en
    assert "50 位客户中的 40 位" in said.zh


@pytest.mark.parametrize(("instant", "written"), [(JULY, "2025-07-01"), (AUGUST, "2025-08-01 07:30:00"), (None, "–")])
def test_a_cut_off_is_written_with_its_time_where_it_has_one(instant: datetime | None, written: str) -> None:
    assert day(instant) == written


def test_a_row_has_a_text_for_each_column_in_either_language() -> None:
    english, chinese = row(LEAK, "en"), row(WARNING, "zh")
    assert list(english) == list(chinese) == list(COLUMNS)
    assert (english["severity"], english["subject"], english["count"]) == ("failed", "spend_90d", "12 customers")
    assert (chinese["severity"], chinese["count"], chinese["what"]) == ("警告", "5 行", "颠倒了？")
    assert row(PASSED, "en")["subject"] == "all"


def test_findings_of_one_feature_are_told_once_with_the_number_of_the_others() -> None:
    assert by_subject([LEAK, OTHER, WARNING]) == [(LEAK, 1), (WARNING, 0)]


def test_what_is_in_order_is_told_by_check() -> None:
    assert sound(certificate(PASSED, PASSED, LEAK)) == [(CHECKS["truncation"], 2, PASSED.what)]


def test_the_page_has_the_verdict_the_findings_and_the_limits() -> None:
    page = markdown(certificate(LEAK, PASSED), "en")
    assert page.startswith("# Leakage certificate\n\n**FAIL: 1 (warnings: 0).**\n")
    assert (
        "| failed | truncation: the future is deleted | spend_90d | 2025-07-01 | 12 customers | It \\| changes. | Look. |"
        in page
    )
    assert "- truncation: the future is deleted (1): All stay." in page
    assert page.endswith("## What this does not prove\n\n- A limit.\n")
    assert "# 泄漏证书" in markdown(certificate(PASSED), "zh")


def test_a_page_with_very_many_findings_names_the_rest() -> None:
    page = markdown(certificate(*[LEAK] * 100), "en")
    assert page.count("| failed |") == 60
    assert "40 more are in leakage.json." in page


def test_a_certificate_is_plain_data() -> None:
    document = json.loads(json.dumps(certificate(LEAK, PASSED).as_json()))
    assert document["verdict"] == "failed"
    assert document["checked"]["cutoffs"] == ["2025-07-01T00:00:00+00:00"]
    assert document["checked"]["facts"] == {"orders": 1_200}
    assert document["findings"][0] == {
        "check": "truncation",
        "subject": "spend_90d",
        "severity": "failed",
        "what": {"en": "It | changes.", "zh": "它改变了。"},
        "next_step": {"en": "Look.", "zh": "请看。"},
        "cutoff": "2025-07-01T00:00:00+00:00",
        "count": 12,
        "unit": "customers",
        "example": "C1",
    }
    assert document["limits"] == [{"en": "A limit.", "zh": "一项局限。"}]
