"""What kind of money a payment is: the words that companies use for it, and those that nobody knows.

Whether money lowers a debt as payment, credit note or write-off, or raises it again as refund, changes every figure of
the books. So a word that is not known is refused, with the line that maps it, and never taken for a payment in silence.
"""

from collections.abc import Mapping
from typing import Literal

import duckdb

from features.errors import FactsError
from features.readers import literal
from features.synonyms import plain
from features.text import Text

Word = Literal["payment", "credit_note", "write_off", "refund"]

# 核销 alone is not among them: most companies mean by it that a payment was matched, some that a debt was written off.
WORDS: dict[Word, str] = {
    "payment": "payment paid receipt cash cashreceipt incoming deposit prepayment advance zahlung zahlungseingang anzahlung "
    "付款 收款 回款 到账 预收 预收款 预付款 定金 货款",
    "credit_note": "creditnote creditmemo credit allowance rebate gutschrift 贷项 贷项通知单 贷记单 红字发票 红冲 折让 销售折让",
    "write_off": "writeoff baddebt writtenoff abschreibung ausbuchung 坏账 坏账核销 呆账 呆账核销 坏账损失",
    "refund": "refund repayment chargeback reversal erstattung rückzahlung rücklastschrift 退款 退回 退票",
}
"""The known words for each kind, without case, signs and blanks."""

_UNKNOWN = Text(
    "[tables.payments] kind: {count} values are not known, e.g. {examples}. Expected payment, credit_note, write_off or "
    "refund. Say what they are: kind = {{ sql = \"CASE … WHEN '{first}' THEN 'payment' … END\" }}, or leave the rows out "
    "with where.",
    "[tables.payments] kind：有 {count} 个取值无法识别，例如 {examples}。应为 payment（付款）、credit_note（贷项）、"
    "write_off（坏账核销）或 refund（退款）。请说明其含义：kind = {{ sql = \"CASE … WHEN '{first}' THEN 'payment' … END\" }}，"
    "或用 where 排除这些行。",
)


def kinds_in(connection: duckdb.DuckDBPyConnection) -> dict[str, Word]:
    """The kind that each value of ``payments.kind`` means; empty cells are payments and not listed.

    Raises FactsError: a value that no kind is known by.
    """
    rows = connection.execute("SELECT DISTINCT kind FROM payments WHERE kind IS NOT NULL ORDER BY kind").fetchall()
    known: dict[str, Word] = {word: kind for kind, words in WORDS.items() for word in words.split()}
    values = [str(value) for (value,) in rows if plain(value)]
    if unknown := [value for value in values if plain(value) not in known]:
        examples = ", ".join(f"'{value}'" for value in unknown[:3])
        raise FactsError(_UNKNOWN, count=len(unknown), examples=examples, first=unknown[0])
    return {value: known[plain(value)] for value in values}


def kind_sql(kinds: Mapping[str, Word]) -> str:
    """SQL: payment, credit_note or write_off; refunds are payments."""
    return _case(kinds, {"credit_note": "'credit_note'", "write_off": "'write_off'"}, "'payment'")


def signed_sql(minor: str, kinds: Mapping[str, Word]) -> str:
    """SQL: by how much a row lowers the debt; a refund raises it, whatever the sign that the source gives it."""
    return _case(kinds, {"refund": f"-abs({minor})"}, minor)


def _case(kinds: Mapping[str, Word], said: Mapping[Word, str], otherwise: str) -> str:
    """SQL that says something else for the values of some kinds."""
    parts = []
    for kind, sql in said.items():
        if values := [literal(value) for value, meant in kinds.items() if meant == kind]:
            parts.append(f"WHEN kind IN ({', '.join(values)}) THEN {sql}")
    return f"CASE {' '.join(parts)} ELSE {otherwise} END" if parts else otherwise
