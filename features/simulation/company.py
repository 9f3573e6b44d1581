"""The simulated company: every number that shapes it, with its unit, and the words its records are made of."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Company:
    """How a simulated B2B trading company and its customers behave. All values are assumptions, none is measured."""

    customers_per_chunk: int = 5_000
    """Customers that are simulated together; memory is bounded by it, and a chunk has its own seed."""
    lead_in_days: int = 270
    """Days simulated before the first record, so that the company does not begin on an empty desk."""

    # purchases
    existing_share: float = 0.55
    existing_age_max_years: float = 8.0
    order_gap_median_days: float = 25.0
    order_gap_log_spread: float = 0.7
    order_gap_min_days: float = 2.5
    order_gap_max_days: float = 180.0
    regularity_max: int = 6
    """Gaps are gamma distributed with a whole shape from 1 (random) to this (like clockwork)."""
    season_swing_share: float = 0.15
    further_line_share: float = 0.5
    """Chance that an order has one more line, again and again; lines of an order differ in category and amount."""
    order_value_log_spread: float = 0.5
    discount_mean_share: float = 0.05
    margin_mean_share: float = 0.24
    return_share: float = 0.015

    # deliveries and complaints
    lead_time_min_days: int = 2
    lead_time_max_days: int = 12
    late_delivery_mean_share: float = 0.12
    late_delivery_concentration: float = 3.0
    late_delivery_mean_days: float = 5.0
    complaint_share: float = 0.02
    complaint_share_when_late: float = 0.25
    complaint_close_median_days: float = 12.0
    complaint_close_log_spread: float = 1.0

    # leaving
    leaving_per_year: float = 0.04
    leaving_shape: float = 1.5
    """Spread of the leaving rate over customers: gamma with this shape; smaller is more uneven."""
    complaint_patience_days: float = 10.0
    complaint_leaving_factor: float = 15.0
    """Each complaint open beyond patience multiplies the rate of leaving by this, and fades once closed."""
    late_week_leaving_factor: float = 2.5
    """Each week of late delivery on the customer's mind multiplies the rate of leaving by this."""
    memory_half_life_days: float = 90.0
    trouble_per_year: float = 0.40
    """Rate at which a customer gets into trouble: pays later and later, buys less, and may leave."""
    trouble_mean_days: float = 200.0
    trouble_leaving_factor: float = 40.0
    trouble_leaving_after_days: float = 90.0
    """Trouble takes that long until it multiplies the rate of leaving by its whole factor; before, by less."""
    trouble_fewer_orders_share: float = 0.10

    # invoices and payments
    billing_cycle_days: int = 30
    usual_late_mean_days: float = -1.0
    usual_late_spread_days: float = 4.0
    late_noise_days: float = 3.0
    trouble_late_at_once_days: float = 10.0
    trouble_late_per_day_days: float = 0.25
    trouble_late_max_days: float = 75.0
    dispute_share: float = 0.008
    dispute_share_with_complaint: float = 0.25
    dispute_late_mean_days: float = 20.0
    partial_share: float = 0.05
    unpaid_share: float = 0.003
    unpaid_share_in_trouble: float = 0.03
    unpaid_share_after_leaving_in_trouble: float = 0.35

    # contacts
    visits_per_year: float = 1.5
    calls_per_year: float = 4.0
    inquiries_per_year: float = 3.0
    requests_per_year: float = 1.5
    contact_after_leaving_days: float = 60.0
    """The account team does not know at once that a customer has left, and goes on calling that long."""
    survey_every_days: int = 182
    survey_answer_share: float = 0.45

    # campaigns
    with_campaigns: bool = False
    """Whether actions are tried out on customers; who they move is in ``actions.py``."""
    campaign_every_days: int = 91
    """A whole number of weeks that is longer than the 90 days over which an action is judged."""
    campaign_active_days: int = 180
    campaign_share: float = 0.6
    """Chance of a customer who bought in the last active days to be in one of a day's campaigns, as treated or control."""
    campaign_effect_scale: float = 1.0
    campaign_half_life_days: float = 120.0
    voucher_share: float = 0.10
    """What a voucher takes off the next order that is made within its days."""
    voucher_days: int = 60
    terms_longer_days: int = 30
    terms_granted_days: int = 90

    # credit
    with_credit: bool = False
    """Whether customers differ in credit quality, publish accounts, and have their tier and limit reviewed."""
    quality_trouble_log_spread: float = 0.8
    """Spread over customers of the rate of getting into trouble, as far as it comes from their quality."""
    quality_unpaid_log_spread: float = 0.9
    quality_late_days: float = -1.5
    """Days later that a customer pays for each standard deviation of quality."""
    review_window_days: int = 365
    review_hysteresis_share: float = 0.25
    """A limit changes when the new one differs by more than that, a tier when spend is that far over its edge."""


SIZES: tuple[tuple[str, float, float], ...] = (
    ("small", 0.55, 260.0),
    ("medium", 0.33, 850.0),
    ("large", 0.12, 3_100.0),
)
"""Size of a customer, its share of all customers, median value of an order line in the company's currency."""

REGIONS: tuple[tuple[str, float], ...] = (
    ("Germany North", 0.26),
    ("Germany South", 0.28),
    ("Benelux", 0.14),
    ("France", 0.13),
    ("Poland", 0.09),
    ("China", 0.10),
)
"""Region and its share of customers."""

INDUSTRIES: tuple[tuple[str, float], ...] = (
    ("machinery", 0.28),
    ("building trade", 0.22),
    ("food processing", 0.16),
    ("electronics", 0.14),
    ("furniture", 0.11),
    ("public utilities", 0.09),
)
"""Industry and its share of customers."""

CATEGORIES: tuple[tuple[str, float, float], ...] = (
    ("fasteners", 0.28, 2.4),
    ("hand tools", 0.20, 24.0),
    ("power tools", 0.12, 165.0),
    ("safety wear", 0.16, 18.0),
    ("adhesives", 0.14, 9.5),
    ("storage", 0.10, 75.0),
)
"""Product category, its share of orders, price of one piece in the company's currency."""

MANAGERS: tuple[tuple[str, str, float], ...] = (
    ("Anna Petersen", "Germany North", 0.8),
    ("Jonas Brandt", "Germany North", 1.0),
    ("Miriam Vogt", "Germany North", 1.6),
    ("Lukas Huber", "Germany South", 0.7),
    ("Katrin Aigner", "Germany South", 1.0),
    ("Stefan Maurer", "Germany South", 1.3),
    ("Sanne de Wit", "Benelux", 0.9),
    ("Pieter Claes", "Benelux", 1.2),
    ("Claire Moreau", "France", 1.0),
    ("Hugo Lefort", "France", 1.4),
    ("Ewa Nowicka", "Poland", 0.9),
    ("Marek Zielony", "Poland", 1.1),
    ("陈思远", "China", 0.8),
    ("林晓梅", "China", 1.1),
)
"""Account manager, region, and how long complaints stay open with them, relative to the usual."""

TERMS_DAYS: tuple[tuple[int, float], ...] = ((14, 0.25), (30, 0.5), (45, 0.15), (60, 0.10))
"""Payment terms in days and their share of customers."""

TIERS: tuple[tuple[str, float], ...] = (
    ("potential", 0.0),
    ("general", 4_000.0),
    ("key", 25_000.0),
    ("strategic", 80_000.0),
)
"""Tier of a customer, and from which spend in a year it begins, in the company's currency."""

ACCOUNTS_SHARE: tuple[tuple[str, float], ...] = (("small", 0.35), ("medium", 0.7), ("large", 0.95))
"""Size of a customer, and the share whose yearly accounts the company gets to see."""
