"""Who is treated and who is a control: decided by a hash of the customer's id, so that every run decides alike.

The number of a customer is the first 13 hexadecimal digits of the SHA-256 of ``salt ␟ purpose ␟ customer_id`` (␟ is the
unit separator, U+001F), divided by 16^13; any other system can compute it too. A customer is a control where its number
lies below the share, so that a larger share keeps those who were in a smaller one.
"""

from collections.abc import Sequence
from typing import Any, TypeAlias

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from features.errors import NotEnoughDataError
from features.text import Text

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Ids: TypeAlias = "Sequence[str] | pd.Series[str] | Any"
"""Customer ids: texts, or a column of them in pandas or Arrow."""

TREATED, CONTROL = "treated", "control"
"""The arms of a campaign, as the table ``treatments`` has them."""

PERMANENT = "permanent control"
"""The purpose of the hash that decides who is never treated; a campaign's purpose is its own name."""

_SEPARATOR = "\x1f"
_DIGITS = 13
_NUMBERS = f"""
    SELECT CAST('0x' || left(sha256($prefix || customer_id), {_DIGITS}) AS UBIGINT)::DOUBLE / {16**_DIGITS}::DOUBLE AS number
    FROM ids ORDER BY place
"""


def uniforms(ids: Ids, salt: str, purpose: str) -> Floats:
    """A number in [0, 1) for each customer id, always the same for the same id, salt and purpose, in order.

    Numbers for different purposes or salts are independent of each other as far as SHA-256 is.
    Raises NotEnoughDataError: an id is missing.
    """
    column = _column(ids)
    if column.null_count:
        raise NotEnoughDataError(_NO_ID, missing=column.null_count)
    table = pa.table({"place": np.arange(len(column)), "customer_id": column})
    prefix = _SEPARATOR.join((_plain(salt), _plain(purpose), ""))
    with duckdb.connect() as connection:
        connection.register("ids", table)
        numbers = connection.execute(_NUMBERS, {"prefix": prefix}).fetchnumpy()["number"]
    return np.asarray(numbers, dtype=np.float64)


def is_permanent_control(ids: Ids, salt: str, share: float) -> Flags:
    """Marks the customers whom no campaign treats; about ``share`` of all."""
    marks: Flags = uniforms(ids, salt, PERMANENT) < share
    return marks


def is_campaign_control(ids: Ids, salt: str, campaign: str, share: float) -> Flags:
    """Marks the controls of one campaign, whether or not they are permanent controls as well."""
    marks: Flags = uniforms(ids, salt, _campaign(campaign)) < share
    return marks


def assigned(ids: Ids, salt: str, campaign: str, permanent_share: float, campaign_share: float) -> pd.DataFrame:
    """The arm of each customer in a campaign, in order.

    Columns: customer_id, arm (treated, control), permanent (a control for good), propensity (the probability of being
    treated that the lot had before it was drawn, the same for all).
    """
    permanent = is_permanent_control(ids, salt, permanent_share)
    control = permanent | is_campaign_control(ids, salt, campaign, campaign_share)
    return pd.DataFrame(
        {
            "customer_id": _column(ids).to_pandas(),
            "arm": np.where(control, CONTROL, TREATED),
            "permanent": permanent,
            "propensity": treated_share(permanent_share, campaign_share),
        }
    )


def treated_share(permanent_share: float, campaign_share: float) -> float:
    """The probability of being treated under both kinds of controls."""
    return (1 - permanent_share) * (1 - campaign_share)


def _campaign(name: str) -> str:
    return f"campaign {name}"  # so that no campaign can be called what the permanent controls are


def _plain(word: str) -> str:
    return word.replace(_SEPARATOR, " ")


def _column(ids: Ids) -> pa.Array | pa.ChunkedArray:
    column = ids if isinstance(ids, pa.Array | pa.ChunkedArray) else pa.array(ids, pa.string(), from_pandas=True)
    return column.cast(pa.string())


_NO_ID = Text(
    "{missing:,} rows have no customer_id; without one nobody can be put into an arm. Give each row its id.",
    "有 {missing:,} 行缺少 customer_id，无法分组。请为每行提供客户编号。",
)
