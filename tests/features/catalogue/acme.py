"""One company with everything, as of 1 July 2025, 0:00: its facts, and every feature computed from them by hand."""

from math import cos, exp, log, pi, sin, sqrt
from statistics import fmean, stdev

from numpy.polynomial.legendre import leggauss

from tests.features.builders import Values

AS_OF = "2025-07-01"

# Purchase days lie 370, 280, 130, 70, 40 and 20 days back: gaps of 90, 150, 60, 30 and 20 days.
ORDERS = """
customer_id | ordered_at       | amount | margin | category | discount | promised_at | delivered_at
acme        | 2024-05-27 09:00 |  -25   |        |          |          |             |
acme        | 2024-06-26 09:00 |  100   |   20   | glass    |          |             |
acme        | 2024-09-24 09:00 |  200   |   40   | paper    |    0     | 2024-10-30  | 2024-11-30
acme        | 2025-02-01 09:00 |  -30   |   -6   | steel    |          |             |
acme        | 2025-02-21 09:00 |  300   |   60   | steel    |    0     | 2025-03-01  | 2025-02-28
acme        | 2025-04-22 09:00 |  150   |   30   | steel    |   50     | 2025-05-02  | 2025-05-04
acme        | 2025-04-22 16:00 |  250   |   50   | tools    |    0     | 2025-05-02  | 2025-05-02
acme        | 2025-05-02 09:00 |  -50   |  -10   | wood     |    5     |             |
acme        | 2025-05-22 09:00 |  600   |  120   | steel    |  100     | 2025-06-20  | 2025-07-02
acme        | 2025-06-11 09:00 |  500   |  145   |          |          |             |
bolt        | 2025-06-21 09:00 | 1250   |        | steel    |          |             |
bolt        | 2025-06-21 09:00 | 1250   |        | tools    |          |             |
bolt        | 2025-06-21 09:00 | 1250   |        | glass    |          |             |
bolt        | 2025-06-21 09:00 | 1250   |        | wood     |          |             |
coil        | 2025-06-11 09:00 |  100   |        | tools    |  100     |             |
dune        | 2025-06-30 09:00 | 9000   |        | tools    |    0     |             |
"""

# The company's own row of today is the third; the fourth does not hold yet. Dune is no peer, since it is small.
CUSTOMERS = """
customer_id | acquired_at | industry | size  | tier | credit_limit | valid_from | valid_to
acme        | 2024-03-01  | steel    | large | B    | 1000         | 2024-03-01 | 2024-09-01
acme        | 2024-03-01  | steel    | large | A    | 2000         | 2024-09-01 | 2025-06-01
acme        | 2024-03-01  | steel    | large | A    | 4000         | 2025-06-01 | 2025-07-15
acme        | 2024-03-01  | paper    | small | C    | 9000         | 2025-07-15 |
bolt        |             | steel    | large |      |              |            |
coil        |             | steel    | large |      |              |            |
echo        |             | steel    | large |      |              |            |
dune        |             | steel    | small |      |              |            |
prospect    |             |          |       |      |              |            |
"""

INVOICES = """
invoice_id | customer_id | issued_at  | due_at     | amount | disputed | settled_at
paid-old   | acme        | 2024-05-01 | 2024-05-31 |  700   | false    |
early      | acme        | 2024-12-01 | 2024-12-31 | 1000   | false    |
disputed   | acme        | 2025-03-01 | 2025-03-31 | 2000   | true     | 2025-04-20
in-parts   | acme        | 2025-05-01 | 2025-05-31 |  300   | false    |
over-90    | acme        | 2025-01-10 | 2025-02-09 |  100   |          |
61-to-90   | acme        | 2025-03-20 | 2025-04-19 |   60   |          |
half-paid  | acme        | 2025-04-15 | 2025-05-15 |  500   |          |
paid-later | acme        | 2025-05-20 | 2025-06-19 |  400   | true     | 2025-07-05
not-due    | acme        | 2025-06-10 | 2025-07-20 |  800   |          |
of-bolt    | bolt        | 2025-05-01 | 2025-05-31 |  800   |          | 2025-06-20
"""

PAYMENTS = """
customer_id | paid_at    | amount | invoice_id
acme        | 2024-07-10 |  700   | paid-old
acme        | 2024-12-26 | 1000   | early
acme        | 2025-05-20 |  100   | in-parts
acme        | 2025-06-06 |  200   | in-parts
acme        | 2025-06-01 |  200   | half-paid
acme        | 2025-07-02 |  300   | half-paid
acme        | 2025-06-15 |   40   |
"""

INTERACTIONS = """
customer_id | at               | kind      | score | severity | closed_at
acme        | 2024-08-25 10:00 | complaint |       | 9        | 2024-09-14
acme        | 2024-12-13 10:00 | complaint |       | 2        |
acme        | 2025-03-23 10:00 | Complaint |       | 5        | 2025-04-02
acme        | 2025-06-11 10:00 | 投诉      |       | 3        | 2025-07-03
acme        | 2023-01-01 10:00 | survey    | 10    |          |
acme        | 2024-01-01 10:00 | survey    | 4     |          |
acme        | 2025-04-01 10:00 | survey    | 9     |          |
acme        | 2025-06-01 10:00 | survey    | 7     |          |
acme        | 2025-01-15 10:00 | visit     |       |          |
acme        | 2025-02-01 10:00 | 询价      |       |          |
acme        | 2025-04-02 10:00 | call      |       |          |
acme        | 2025-05-01 10:00 | inquiry   |       |          |
acme        | 2025-06-26 10:00 | Visit     |       |          |
"""

SUBSCRIPTIONS = """
customer_id | started_at | ended_at   | plan   | amount
acme        | 2022-01-01 | 2023-01-01 | bronze |  10
acme        | 2023-06-01 | 2025-03-01 | silver |  60
acme        | 2024-01-01 |            | gold   | 100
acme        | 2025-02-01 | 2025-12-31 | gold   | 150
acme        | 2025-08-01 |            | silver | 500
"""

TREATMENTS = """
customer_id | at         | action   | arm
acme        | 2024-10-01 | call     | treated
acme        | 2025-03-01 | discount | Treated
acme        | 2025-06-01 | call     | treated
acme        | 2025-06-15 | call     | Control
acme        | 2025-07-02 | visit    | treated
"""

FINANCIALS = """
customer_id | as_of      | known_at   | current_assets | inventory | current_liabilities | total_debt | tangible_net_worth | revenue | net_income | cost_of_sales | receivables | total_assets
acme        | 2022-12-31 | 2023-04-01 |  100           |           | 100                 | 100        | 100                | 1000    | 100        |  500          |  50         | 1000
acme        | 2023-12-31 | 2024-04-01 |  900           | 200       | 350                 | 600        | 400                | 1200    |  30        |  900          | 150         | 1500
acme        | 2024-12-31 | 2025-07-10 | 5000           |           | 100                 |   0        | 900                | 2000    | 500        | 1000          | 100         | 6000
"""

TABLES = {
    "orders": ORDERS,
    "customers": CUSTOMERS,
    "invoices": INVOICES,
    "payments": PAYMENTS,
    "interactions": INTERACTIONS,
    "subscriptions": SUBSCRIPTIONS,
    "treatments": TREATMENTS,
    "financials": FINANCIALS,
}

_GAPS = (90, 150, 60, 30, 20)
_LOG_GAPS = [log(1 + gap) for gap in _GAPS]
_ONE_IN_90_DAYS = (6 - 3) * 90 / (370 - 90)  # purchase days that the own earlier rate leads to expect in 90 days
_ON_TIME = 1000  # by amount: the one invoice that was paid early
_LATE = 2000 + 300 + 100 + 60 + 500 + 400
_DAYS_INTO_2025 = 31 + 28 + 31 + 30 + 31 + 30 + 1

_GAP_CV = sqrt((20**2 + 80**2 + 10**2 + 40**2 + 50**2) / 4) / 70
_LOG_GAP_VARIANCE = (4 * 0.5 + 5 * log(1 + _GAP_CV**2)) / (4 + 5)


def _odds(days: float) -> float:
    """Odds that a gap of mean 70 days is over by then: log-logistic, the mean taken as that of a lognormal one."""
    return (days / (70 * exp(-_LOG_GAP_VARIANCE / 2))) ** (pi / sqrt(3 * _LOG_GAP_VARIANCE))


_WAITED = 20.5
_LEFT_UNSEEN = sum(w / 2 * _WAITED / (1 + _odds((x + 1) / 2 * _WAITED)) for x, w in zip(*leggauss(4), strict=True))

EXPECTED: Values = {
    # recency
    "days_since_last_purchase": 20,
    "days_since_second_last_purchase": 40,
    "days_since_first_purchase": 370,
    "days_first_to_last_purchase": 350,
    # frequency
    "purchase_days_30d": 1,
    "purchase_days_90d": 3,
    "purchase_days_180d": 4,
    "purchase_days_365d": 5,
    "purchase_days_total": 6,
    "purchase_days_per_year": 5 * 365 / 370,
    "repeat_purchase_share": 4 / 5,  # all gaps but that of 150 days
    # monetary
    "spend_30d": 500,
    "spend_90d": 150 + 250 - 50 + 600 + 500,
    "spend_180d": -30 + 300 + 1450,
    "spend_365d": 200 + 1720,
    "spend_total": -25 + 100 + 1920,
    "bought_90d": 150 + 250 + 600 + 500,
    "bought_180d": 300 + 1500,
    "bought_365d": 200 + 1800,
    "bought_total": 100 + 2000,
    "purchase_amount_mean": 2100 / 6,
    "purchase_amount_90d": 1500 / 3,
    "order_line_amount_max": 600,
    # habit
    "gap_mean_days": 350 / 5,
    "gap_median_days": 60,
    "gap_longest_days": 150,
    "gap_last_days": 20,
    "gap_variation": sqrt((20**2 + 80**2 + 10**2 + 40**2 + 50**2) / 4) / 70,
    "gap_last_three_ratio": (60 + 30 + 20) / 3 / 70,
    "current_gap_ratio": 20 / 70,
    "current_gap_rank": 1 / 5,
    "gap_survival": 1 / (1 + _odds(_WAITED)),
    "gap_goes_on_90d": (1 + _odds(_WAITED)) / (1 + _odds(_WAITED + 90)),
    "left_unseen_days": _LEFT_UNSEEN * (1 + _odds(_WAITED)),
    "current_gap_log_z": (log(21) - fmean(_LOG_GAPS)) / stdev(_LOG_GAPS),
    "purchase_days_change_90d": (3 - 1) / 4,
    "purchase_days_90d_of_own": 3 / _ONE_IN_90_DAYS,
    "purchase_days_90d_z": (3 - _ONE_IN_90_DAYS) / sqrt(_ONE_IN_90_DAYS),
    "spend_change_90d": (1500 - 300) / 1800,
    "spend_90d_of_own": (1500 / 90) / (600 / 280),
    "purchase_amount_change_90d": 500 / 350,
    # the twelve periods have 0 0 1 0 0 0 0 1 0 1 1 1 purchase days, at -5.5 to 5.5 from their middle
    "purchase_days_trend_360d": ((-3.5 + 1.5 + 3.5 + 4.5 + 5.5) / 143) / (5 / 12),
    # and a spend of 0 0 200 0 0 0 0 300 0 400 600 500
    "spend_trend_360d": ((-3.5 * 200 + 1.5 * 300 + 3.5 * 400 + 4.5 * 600 + 5.5 * 500) / 143) / (2000 / 12),
    "purchase_days_30d_of_90d": 1 / 3,
    "silence_of_relationship": 20 / 370,
    # breadth
    "categories_90d": 2,  # steel, tools
    "categories_365d": 3,  # and paper
    "categories_lost_90d": 1,  # paper
    "categories_change_365d": 3 - 1,  # glass was given up
    "top_category_share_365d": (300 + 150 + 600) / (300 + 150 + 600 + 250 + 200),
    # returns
    "returned_amount_90d": 50,
    "returned_amount_365d": 50 + 30,
    "returned_lines_365d": 2,
    "returned_share_365d": 80 / 2000,
    "days_since_last_return": 60,
    # margin
    "discount_share_365d": (50 + 100) / (2000 + 150),
    "discount_share_90d": (50 + 100) / (1500 + 150),
    "discount_share_change_90d": 150 / 1650 - 150 / 2150,
    "discounted_lines_share_365d": 2 / 6,
    "margin_365d": 40 - 6 + 60 + 30 + 50 - 10 + 120 + 145,
    "margin_90d": 30 + 50 - 10 + 120 + 145,
    "margin_share_365d": 429 / 1920,
    "margin_share_change_90d": 335 / 1450 - 429 / 1920,
    # payment; settled in the year were paid-old (40 days late, after 70), early (-5, 25), disputed (20, 50), in-parts (6, 36)
    "invoices_365d": 8,
    "days_late_mean_365d": (40 - 5 + 20 + 6) / 4,
    "days_late_mean_90d": (20 + 6) / 2,
    "days_late_worst_365d": 142,
    "days_late_change": (20 + 6) / 2 - (40 - 5) / 2,
    "days_to_pay_mean_365d": (70 + 25 + 50 + 36) / 4,
    "days_to_pay_change": (50 + 36) / 2 - (70 + 25) / 2,
    "late_share_365d": 6 / 7,
    "late_amount_share_365d": _LATE / (_LATE + _ON_TIME),
    "disputed_share_365d": 1 / 4,
    "open_balance": 100 + 60 + 300 + 400 + 800,
    "open_balance_current": 800,
    "overdue_balance": 100 + 60 + 300 + 400,
    "overdue_balance_1_30d": 400,
    "overdue_balance_31_60d": 300,
    "overdue_balance_61_90d": 60,
    "overdue_balance_over_90d": 100,
    "oldest_overdue_days": 142,
    "dso_90d": 90 * 1660 / (500 + 400 + 800 + 300),
    "receivables_turnover_365d": (1000 + 2000 + 300 + 100 + 60 + 500 + 400 + 800) / ((700 + 1660) / 2),
    "collection_effectiveness_90d": 2300 / (2300 + 860),
    "overdue_of_open_share": 860 / 1660,
    # credit
    "credit_limit": 4000,
    "credit_limit_change_365d": 4000 / 1000 - 1,
    "credit_used_share": 1660 / 4000,
    "terms_days_mean_365d": (7 * 30 + 40) / 8,
    "overdue_over_90d_of_open_share": 100 / 1660,
    "quick_ratio": (900 - 200) / 350,
    "debt_to_net_worth": 600 / 400,
    "net_income_share": 30 / 1200,
    "gross_margin_share": 1 - 900 / 1200,
    "return_on_assets": 30 / 1500,
    "receivables_turned_over": 1200 / 150,
    "inventory_turned_over": 900 / 200,
    # service
    "complaints_90d": 1,
    "complaints_180d": 2,
    "complaints_365d": 4,
    "complaints_of_own": 1 / 4,
    "complaints_per_purchase_day_365d": 4 / 5,
    "complaints_open": 2,
    "complaint_open_days_max": 200,
    "complaint_closing_days_mean_365d": (20 + 10) / 2,
    "complaint_severity_max_180d": 5,
    "days_since_last_complaint": 20,
    "bought_since_last_complaint": 0,
    "survey_score_last": 7,
    "survey_score_change": 7 - 4,
    "late_delivery_share_180d": 1 / 3,
    "late_delivery_days_mean_180d": 2 / 3,  # a day early counts as none late
    "late_waiting_lines": 1,
    # contacts
    "contacts_90d": 4,
    "contacts_365d": 7,
    "contacts_90d_of_365d": 4 / 7,
    "inquiries_90d": 1,
    "visits_365d": 2,
    "days_since_last_contact": 5,
    "words_90d": 3,  # two complaints and a survey of the last three words; a visit and a call are not the customer's
    "words_365d": 8,
    "days_since_last_word": 20,
    "days_since_last_sign_of_life": 20,
    "signs_of_life_missed": 20 * (5 + 8) / 365,
    "actions_180d": 2,
    "days_since_last_action": 30,
    # contract
    "contracts_running": 2,
    "contracts_total": 4,
    "contract_running_days": 366 + _DAYS_INTO_2025 - 1,
    "contract_amount": 100 + 150,
    "contract_amount_change_365d": (100 + 150) - (60 + 100),
    "contracts_ended_365d": 1,
    "plans_365d": 2,  # silver, gold
    # profile
    "days_since_acquired": 365 + 31 + 30 + 31 + 30,
    "days_acquired_to_first_purchase": 487 - 370,
    "tier_changes_365d": 1,
    # calendar; of the coming 90 days' days a year ago, the one 280 days back was a purchase day
    "purchase_days_coming_90d_last_year": 1,
    "own_season_90d": 1 / (5 * 90 / 365),
    "season_sin": sin(2 * pi * _DAYS_INTO_2025 / 365.25),
    "season_cos": cos(2 * pi * _DAYS_INTO_2025 / 365.25),
    # peers: acme, bolt, coil, echo; where two have the same, each counts as half below the other
    "days_since_last_purchase_place": (1 + 2 / 2) / 3,  # 10, 20, 20, none
    "purchase_days_365d_place": (3 + 1 / 2) / 4,  # 0, 1, 1, 5
    "spend_365d_place": (2 + 1 / 2) / 4,  # 0, 100, 1920, 5000
    "categories_365d_place": (2 + 1 / 2) / 4,  # 0, 1, 3, 4
    "discount_share_365d_place": (1 + 1 / 2) / 3,  # 0, 0.07, 0.5, none
    "days_late_mean_365d_place": (0 + 1 / 2) / 2,  # 15.25, 20, none, none
}
