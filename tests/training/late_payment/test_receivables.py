"""Receivables and the model of late payment speak of the same open invoices, also where payments name none."""

from pathlib import Path

import numpy as np
import pandas as pd

from features.sources import open_facts
from tests.training.late_payment.companies import END, habits_unreferenced
from training.late_payment.fit import fit_late_payment
from training.receivables import receivables


def test_where_payments_name_no_invoice_the_books_and_the_model_agree_on_what_is_open(tmp_path: Path) -> None:
    with open_facts(habits_unreferenced(tmp_path, seed=1, customers=20)) as facts:
        model = fit_late_payment(facts, END, 1)
        said = model.invoices(facts, END).set_index("invoice_id").sort_index()
        told = receivables(facts, END, model)
    books = told.invoices.set_index("invoice_id").sort_index()
    assert len(books) > 20
    pd.testing.assert_index_equal(said.index, books.index)
    assert np.abs(said["open_amount"] - books["open_amount"]).max() < 0.005
    assert books["late_probability"].between(0, 1).all()
    assert books.loc[books["days_overdue"] > 0, "late_probability"].eq(1.0).all()
    assert told.cash is not None
    assert (told.cash["from_open"] > 0).any()
    assert (told.cash["from_new"] > 0).any()
