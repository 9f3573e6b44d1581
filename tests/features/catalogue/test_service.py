"""Complaints, surveys, contacts and actions."""

import pytest

from tests.features.catalogue.ages import AS_OF, day
from tests.features.conftest import ByHand, EachByHand


def test_a_complaint_closed_after_the_cut_off_is_open_before(at_each: EachByHand) -> None:
    interactions = """
    customer_id | at         | kind      | closed_at
    acme        | 2025-06-01 | complaint | 2025-07-10
    """
    names = ("complaints_open", "complaint_open_days_max", "complaints_90d", "days_since_last_complaint")
    orders = "customer_id | ordered_at | amount\nacme | 2025-06-01 | 10"
    given = {"orders": orders, "interactions": interactions}
    before, after = at_each("2025-07-10", "2025-07-11", **given)
    assert [before["acme"][n] for n in names] == [1, 39, 1, 39]
    assert [after["acme"][n] for n in names] == [0, None, 1, 40]


def test_the_last_survey_is_the_later_one_of_a_day_whatever_its_score(at: ByHand) -> None:
    interactions = """
    customer_id | at               | kind   | score
    up          | 2025-06-01 09:00 | survey | 2
    up          | 2025-06-01 15:00 | survey | 9
    down        | 2025-06-01 15:00 | survey | 2
    down        | 2025-06-01 09:00 | survey | 9
    tie         | 2025-06-01 09:00 | survey | 9
    tie         | 2025-06-01 09:00 | survey | 2
    tie         | 2025-06-02 09:00 | call   |
    """
    orders = "customer_id | ordered_at | amount\nup | 2025-06-01 | 10"
    values = at("2025-07-01", orders=orders, interactions=interactions)
    assert {c: values[c]["survey_score_last"] for c in values} == {"down": 2, "tie": 2, "up": 9}


def test_a_contact_is_hidden_until_the_company_knows_of_it(at: ByHand) -> None:
    interactions = "customer_id | at | kind | known_at\nacme | 2025-06-01 | complaint | 2025-07-01"
    orders = "customer_id | ordered_at | amount\nacme | 2025-06-01 | 10"
    assert at("2025-07-01", orders=orders, interactions=interactions)["acme"]["complaints_90d"] == 0
    assert at("2025-07-02", orders=orders, interactions=interactions)["acme"]["complaints_90d"] == 1


def test_a_complaint_counts_in_its_windows_and_by_its_kind(at: ByHand) -> None:
    interactions = f"""
    customer_id | at         | kind       | severity | closed_at
    acme        | {day(90)}  | COMPLAINT  | 1        |
    acme        | {day(91)}  | complaints | 4        | {day(81)}
    acme        | {day(180)} | 投诉       | 3        | {day(180)}
    acme        | {day(181)} | complaint  | 8        | {day(1)}
    acme        | {day(366)} | complaint  | 9        | {day(300)}
    acme        | {day(1)}   | request    | 10       |
    """
    acme = at(AS_OF, orders=f"customer_id | ordered_at | amount\nacme | {day(91)} | 10", interactions=interactions)[
        "acme"
    ]
    names = ("complaints_90d", "complaints_180d", "complaints_365d", "complaints_of_own", "complaints_open")
    assert [acme[n] for n in names] == [1, 3, 4, 1 / 4, 1]
    assert acme["complaint_severity_max_180d"] == 4
    assert acme["complaint_closing_days_mean_365d"] == (10 + 0 + 180) / 3
    assert acme["complaints_per_purchase_day_365d"] == 4


@pytest.mark.parametrize(("bought", "again"), [(11, 0), (10, 0), (9, 1)])
def test_who_buys_on_a_later_day_than_the_complaint_bought_again(at: ByHand, bought: int, again: int) -> None:
    orders = f"customer_id | ordered_at | amount\nacme | {day(bought)} 23:00 | 10\ncontent | {day(1)} | 10"
    interactions = f"customer_id | at | kind\nacme | {day(10)} | complaint"
    values = at(AS_OF, orders=orders, interactions=interactions)
    assert [values[c]["bought_since_last_complaint"] for c in ("acme", "content")] == [again, None]


def test_the_change_of_the_survey_score_is_since_the_first_of_two_years(at: ByHand) -> None:
    interactions = f"""
    customer_id | at         | kind   | score
    changed     | {day(731)} | survey | 1
    changed     | {day(730)} | survey | 5
    changed     | {day(10)}  | survey | 2
    changed     | {day(5)}   | call   |
    once        | {day(10)}  | survey | 9
    long-ago    | {day(731)} | survey | 9
    """
    orders = "customer_id | ordered_at | amount\nchanged | 2025-06-01 | 10"
    values = at(AS_OF, orders=orders, interactions=interactions)
    assert {c: (v["survey_score_last"], v["survey_score_change"]) for c, v in values.items()} == {
        "changed": (2, 2 - 5),
        "long-ago": (9, None),
        "once": (9, 0),
    }


# --- contacts and actions

CONTACTS = ("contacts_90d", "contacts_365d", "contacts_90d_of_365d", "inquiries_90d", "visits_365d")


def test_complaints_are_no_contacts(at: ByHand) -> None:
    interactions = f"""
    customer_id | at         | kind      | score
    acme        | {day(2)}   | complaint |
    acme        | {day(10)}  | 拜访      |
    acme        | {day(90)}  | Enquiry   |
    acme        | {day(91)}  | inquiry   |
    acme        | {day(365)} | visit     |
    acme        | {day(366)} | visit     |
    complains   | {day(3)}   | complaint |
    """
    orders = "customer_id | ordered_at | amount\nacme | 2025-06-01 | 10"
    values = at(AS_OF, orders=orders, interactions=interactions)
    assert [values["acme"][n] for n in CONTACTS] == [2, 4, 2 / 4, 1, 2]
    assert [values["complains"][n] for n in CONTACTS] == [0, 0, None, 0, 0]
    assert {c: v["days_since_last_contact"] for c, v in values.items()} == {"acme": 10, "complains": None}


WORDS = ("words_90d", "words_365d", "days_since_last_word", "days_since_last_sign_of_life", "signs_of_life_missed")


def test_what_the_customer_says_is_a_sign_of_life_and_what_we_do_is_none(at: ByHand) -> None:
    interactions = f"""
    customer_id | at         | kind    | score
    speaks      | {day(3)}   | call    |
    speaks      | {day(20)}  | Request |
    speaks      | {day(91)}  | 调查    | 9
    is-called   | {day(3)}   | call    |
    is-called   | {day(9)}   | visit   |
    asks        | {day(40)}  | 询价    |
    """
    orders = f"""
    customer_id | ordered_at | amount
    speaks      | {day(50)}  | 10
    speaks      | {day(80)}  | 10
    is-called   | {day(73)}  | 10
    """
    values = at(AS_OF, orders=orders, interactions=interactions)
    assert {c: [v[n] for n in WORDS] for c, v in values.items()} == {
        "speaks": [1, 2, 20, 20, pytest.approx(20 * (2 + 2) / 365)],
        "is-called": [0, 0, None, 73, pytest.approx(73 * 1 / 365)],
        "asks": [1, 1, 40, 40, pytest.approx(40 / 365)],
    }


ACTIONS = ("actions_180d", "days_since_last_action")
ORDERED = "customer_id | ordered_at | amount\nacme | 2025-06-01 | 10"


def test_who_was_held_back_for_comparison_had_no_action(at: ByHand) -> None:
    treatments = f"""
    customer_id | at         | action | arm
    acme        | {day(180)} | call   | treated
    acme        | {day(20)}  | call   | control
    acme        | {day(10)}  | call   | 对照组
    held-back   | {day(30)}  | call   | CONTROL
    long-ago    | {day(181)} | visit  | treated
    """
    values = at(AS_OF, orders=ORDERED, treatments=treatments)
    assert {c: [v[n] for n in ACTIONS] for c, v in values.items()} == {"acme": [1, 180], "long-ago": [0, 181]}


def test_an_action_counts_once_it_was_done_and_is_known(at_each: EachByHand) -> None:
    treatments = """
    customer_id | at         | action | arm     | known_at
    acme        | 2025-07-01 | call   | treated | 2025-06-01
    acme        | 2025-06-01 | visit  | treated | 2025-07-02
    """
    values = at_each("2025-07-01", "2025-07-02", "2025-07-03", orders=ORDERED, treatments=treatments)
    assert [[v["acme"][n] for n in ACTIONS] for v in values] == [[0, None], [1, 1], [2, 2]]
