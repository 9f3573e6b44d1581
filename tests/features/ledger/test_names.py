"""Words for kinds of money, and buckets without gaps."""

from pathlib import Path

import pytest

from features.ledger.kinds import WORDS
from features.ledger.names import BUCKETS
from features.proposal import propose
from features.synonyms import plain


def test_no_word_means_two_kinds_of_money() -> None:
    words = [word for listed in WORDS.values() for word in listed.split()]
    assert len(words) == len(set(words))
    assert [word for word in words if plain(word) != word] == []


def test_matching_off_and_writing_off_are_not_taken_for_each_other() -> None:
    assert not any("核销" in listed.split() for listed in WORDS.values())
    assert "坏账核销" in WORDS["write_off"].split()


def test_buckets_follow_each_other_without_a_gap() -> None:
    assert [bucket.low for bucket in BUCKETS[1:]] == [bucket.high + 1 for bucket in BUCKETS if bucket.high is not None]
    assert (BUCKETS[0].low, BUCKETS[-1].high) == (None, None)


@pytest.mark.parametrize("header", ["Transaction Type", "款项类型"])
def test_a_project_is_proposed_with_the_kind_of_money(tmp_path: Path, header: str) -> None:
    rows = "".join(f"c{n % 7},2025-01-{n % 28 + 1:02},{n + 1}.5,付款\n" for n in range(40))
    (tmp_path / "payments.csv").write_text(f"customer_id,paid_at,amount,{header}\n{rows}", encoding="utf-8")
    orders = "".join(f"c{n % 7},2025-01-{n % 28 + 1:02},{n + 1}.5\n" for n in range(40))
    (tmp_path / "orders.csv").write_text(f"customer_id,ordered_at,amount\n{orders}", encoding="utf-8")
    assert f'kind = "{header}"' in propose(tmp_path).toml("en")
