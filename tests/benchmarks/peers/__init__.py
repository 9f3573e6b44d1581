"""The same basic features in other people's tools, so that the cost of ours can be judged.

Each module gives ``features(data, as_of)``: a table with ``customer_id`` and the features of BASIC, one row for each
customer acquired before ``as_of``, which is midnight UTC. They read the same Parquet files, know nothing of late arrival
or validity, and need nothing of Retinue, so that they run in environments of their own.
"""

WINDOWS_DAYS = (30, 90, 180, 365)

BASIC = (
    "days_since_last_purchase",
    "days_since_first_purchase",
    *(f"purchase_days_{days}d" for days in WINDOWS_DAYS),
    *(f"spend_{days}d" for days in WINDOWS_DAYS),
    "gap_mean_days",
    "gap_longest_days",
    "gap_variation",
    "margin_365d",
    "discount_share_365d",
    "returned_amount_365d",
    "invoices_365d",
    "days_late_mean_365d",
    "days_late_worst_365d",
    "open_balance",
    "overdue_balance",
)
"""21 features that any analyst would build first; their meaning is that of the catalogue."""

COUNTED_AS_ZERO = (
    *(f"purchase_days_{days}d" for days in WINDOWS_DAYS),
    *(f"spend_{days}d" for days in WINDOWS_DAYS),
    "margin_365d",
    "returned_amount_365d",
    "invoices_365d",
    "open_balance",
    "overdue_balance",
)
"""Those that are 0 for a customer without orders or invoices; the others are missing."""
