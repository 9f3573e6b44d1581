"""What `retinue value` says of what customers will bring, as a person calls it: with orders, contracts, too little, a panel."""

import json
from pathlib import Path

import pandas as pd
import pytest

from features.project import load_project
from features.sources import open_facts
from tests.serving.test_cli_groups import PROJECT, retinue
from tests.training.contracts import contract_business
from training.beside import LIFETIME_VALUE
from training.lifetime_value.fit import fit_lifetime_value
from training.plain_models import log_plain_model

COSTS = "\n[value.costs]\ncontact = 30\n"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A simulated company whose contacts cost money."""
    folder = tmp_path_factory.mktemp("worth") / "company"
    made = retinue("simulate", folder, "--customers", "200", "--months", "30", "--seed", "5", "--quiet")
    assert made.returncode == 0, made.stderr
    with (folder / "retinue.toml").open("a", encoding="utf-8") as project:
        project.write(COSTS)
    return folder


def table(folder: Path, name: str, rows: list[str], more: str = "") -> str:
    """A CSV file of rows under their head, and what the project file says of it."""
    (folder / f"{name}.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    columns = "".join(f'{column} = "{column}"\n' for column in rows[0].split(","))
    return f'[tables.{name}]\npath = "{name}.csv"\n[tables.{name}.columns]\n{columns}{more}'


def shown(text: str) -> str:
    """What is on the terminal, without line ends."""
    return " ".join(text.split())


@pytest.mark.slow
def test_what_customers_brought_and_will_bring_is_told_with_its_model_and_net_of_costs(shop: Path) -> None:
    out = shop.parent / "fitted"
    done = retinue("value", "--project", shop, "--as-of", "2026-07-01", "--out", out, "--quiet")
    assert done.returncode == 0, done.stderr
    said = shown(done.stdout)
    assert "No model of lifetime value is registered, so one was fitted for this report and not kept" in said
    values = pd.read_parquet(out / "value.parquet").set_index("customer_id")
    known = values.dropna(subset="lifetime_value")
    for name in ("expected_purchases", "expected_revenue", "lifetime_value"):
        assert (known[f"{name}_low"] <= known[f"{name}_high"]).all()
    assert set(values["value_horizon_days"]) == {365}
    assert "expected_credit_loss" not in values  # nothing serves that tells of it
    left = known["lifetime_value"] - known["service_cost"] - known["collection_cost"]
    assert known["lifetime_value_net"].to_numpy() == pytest.approx(left.to_numpy())
    assert (known["collection_cost"] == 0).all()
    assert known["service_cost"].min() == 0  # who has left needs no service
    assert known["service_cost"].max() > 30
    project = load_project(shop)
    with open_facts(project) as facts:
        query = (
            "SELECT customer_id, sum(margin) AS margin FROM orders WHERE ordered_at < '2026-06-30 22:00' GROUP BY ALL"
        )
        earned = facts.connection.sql(query).df().set_index("customer_id")["margin"]
    assert values["past_value"].dropna().to_numpy() == pytest.approx(earned.sort_index().to_numpy())
    total, net = known["lifetime_value"].sum(), known["lifetime_value_net"].sum()
    assert f"Within 365 days, {len(known)} customers are expected to bring {total:,.0f} EUR of margin" in said
    assert f"{net:,.0f} EUR are left." in said
    negative = known[known["lifetime_value_net"] < 0].sort_values("lifetime_value_net")
    assert f"expected to cost more than they bring: {len(negative)}. The worst: {negative.index[0]} (−" in said
    best = known.sort_values("lifetime_value_net", ascending=False).index
    assert said.index("margin so far") < said.rindex(best[0]) < said.rindex(best[9])
    let_go = values[values["advice"] == "let_go"]
    assert len(let_go)
    assert (let_go["lifetime_value_net"] <= 0).all()
    assert set(let_go["trajectory"]) == {"declining"}


@pytest.mark.slow
def test_the_page_shows_the_purchase_model_against_what_came_in_both_languages(shop: Path) -> None:
    out = shop.parent / "pages"
    done = retinue("value", "--project", shop, "--as-of", "2026-07-01", "--out", out, "--quiet", language="zh")
    assert done.returncode == 0, done.stderr
    assert "客户未来的贡献" in done.stdout
    assert len(list(out.glob("purchases_*.zh.png"))) == 4
    for file, title, pictures in (("value.html", "What customers will bring", "alone, fitted on what was known"),
                                  ("value.zh.html", "客户未来的贡献", "仅显示购买模型本身")):  # fmt: skip
        page = (out / file).read_text(encoding="utf-8")
        assert f"<h2>{title}</h2>" in page
        assert pictures in page
        assert page.count("data:image/png;base64,") == 6


@pytest.mark.slow
def test_the_model_that_serves_is_asked_unless_it_knows_what_came_later_or_counts_otherwise(shop: Path) -> None:
    project, out = load_project(shop), shop.parent / "served"
    with open_facts(project) as facts:
        model = fit_lifetime_value(facts, pd.Timestamp("2026-05-01", tz=project.timezone).to_pydatetime(), seed=1)
        expected = model.outlooks(facts, pd.Timestamp("2026-07-01", tz=project.timezone).to_pydatetime())
    log_plain_model(project, LIFETIME_VALUE, json.dumps(model.to_json()), {}, {})
    done = retinue("value", "--project", shop, "--as-of", "2026-07-01", "--out", out, "--quiet")
    assert "told by the model of the last training (version 1, 2026-05-01)." in shown(done.stdout)
    values = pd.read_parquet(out / "value.parquet").set_index("customer_id").loc[expected["customer_id"]]
    assert values["lifetime_value"].to_numpy() == pytest.approx(expected["lifetime_value"].to_numpy())
    earlier = retinue("value", "--project", shop, "--as-of", "2026-04-01", "--out", out, "--quiet")
    assert "knows facts of after this date, so one was fitted for this report" in shown(earlier.stdout)
    written = (shop / "retinue.toml").read_text(encoding="utf-8")
    (shop / "retinue.toml").write_text(written.replace("[value]", "[value]\nhorizon_days = 180"), encoding="utf-8")
    try:
        shorter = retinue("value", "--project", shop, "--as-of", "2026-07-01", "--out", out, "--quiet")
    finally:
        (shop / "retinue.toml").write_text(written, encoding="utf-8")
    assert "counts by other terms than [value] gives now, so one was fitted" in shown(shorter.stdout)
    assert "Within 180 days, " in shown(shorter.stdout)


def test_a_company_too_small_for_a_model_is_told_why_and_gets_the_rest(tmp_path: Path) -> None:
    rows = [f"C{n % 4},2025-{n % 12 + 1:02}-05,{100 + n}" for n in range(24)]
    orders = table(tmp_path, "orders", ["customer_id,ordered_at,amount", *rows])
    (tmp_path / "retinue.toml").write_text(PROJECT + orders)
    done = retinue("value", "--project", tmp_path, "--as-of", "2026-01-01", "--out", tmp_path / "out", "--quiet")
    assert done.returncode == 0, done.stderr
    assert "Lifetime value is not told: " in shown(done.stdout)
    values = pd.read_parquet(tmp_path / "out" / "value.parquet").set_index("customer_id")
    assert values["value_score"].notna().all()
    assert "lifetime_value" not in values
    # C0 bought for 100 + 104 + … + 120; 0.3 of it is margin unless the project says otherwise
    assert values["past_value"]["C0"] == pytest.approx(0.3 * 660)
    assert "Lifetime value is not told" in (tmp_path / "out" / "value.html").read_text(encoding="utf-8")


def test_contracts_are_worth_their_price_over_the_horizon_less_what_the_customer_costs(tmp_path: Path) -> None:
    contracts = [
        ("dear", "2025-01-01", "", "gold", "100"),
        ("cheap", "2025-01-01", "", "basic", "1"),
        ("ended", "2025-01-01", "2025-11-01", "basic", "10"),
    ]
    contract_business(tmp_path, contracts)
    calls = [f"{who},2025-{month:02}-03,call" for who in ("cheap", "ended") for month in (3, 6, 9)]
    more = table(tmp_path, "interactions", ["customer_id,at,kind", *calls])
    with (tmp_path / "retinue.toml").open("a", encoding="utf-8") as project:
        project.write(more + "[value]\nmargin_share = 0.5\nhorizon_days = 365" + COSTS)
    out = tmp_path / "out"
    done = retinue("value", "--project", tmp_path, "--as-of", "2026-01-01", "--out", out, "--quiet")
    assert done.returncode == 0, done.stderr
    values = pd.read_parquet(out / "value.parquet").set_index("customer_id")
    assert values["contract_amount"].to_dict() == {"cheap": 1, "dear": 100, "ended": 0}
    # half of the price is margin, and a period has 30 days
    assert values["contract_value"]["dear"] == pytest.approx(0.5 * 100 * 365 / 30)
    assert values["contract_value_net"]["dear"] == pytest.approx(0.5 * 100 * 365 / 30)
    assert values["contract_value_net"]["cheap"] == pytest.approx(0.5 * 365 / 30 - 3 * 30)
    assert pd.isna(values["contract_value"]["ended"])
    said = shown(done.stdout)
    assert "the running contracts of 2 customers are worth 614 EUR of margin." in said
    assert "expected to cost more than they bring: 1. The worst: cheap (−84 EUR)." in said
    assert "There is no value score: contracts alone measure none of its criteria" in said
    assert "retention curves are told from orders, and the project has none." in said
    assert {file.name for file in out.iterdir()} == {"value.html", "value.zh.html", "value.parquet"}
    assert "合同价值" in (out / "value.zh.html").read_text(encoding="utf-8")


def test_contracts_with_invoices_are_scored_by_how_they_are_paid(tmp_path: Path) -> None:
    contract_business(tmp_path, [(who, "2025-01-01", "", "gold", "100") for who in ("prompt", "late")])
    bills = [
        f"{who}{month},{who},2025-{month:02}-01,2025-{month:02}-15,2025-{month:02}-{paid},100"
        for who, paid in (("prompt", 10), ("late", 27))
        for month in range(2, 12)
    ]
    more = table(tmp_path, "invoices", ["invoice_id,customer_id,issued_at,due_at,settled_at,amount", *bills])
    with (tmp_path / "retinue.toml").open("a", encoding="utf-8") as project:
        project.write(more)
    done = retinue("value", "--project", tmp_path, "--as-of", "2026-01-01", "--out", tmp_path / "out", "--quiet")
    assert done.returncode == 0, done.stderr
    values = pd.read_parquet(tmp_path / "out" / "value.parquet").set_index("customer_id")
    assert values["value_score"]["prompt"] > values["value_score"]["late"]
    assert values["points_payment"].tolist() == values["value_score"].tolist()


@pytest.mark.parametrize("command", ["value", "segments"])
def test_a_ready_made_panel_tells_of_no_values_and_groups(tmp_path: Path, command: str) -> None:
    panel = table(tmp_path, "panel", ["customer_id,label", "A,0", "B,1"])
    (tmp_path / "retinue.toml").write_text(f'{PROJECT}{panel}[churn]\nkind = "panel"\n')
    done = retinue(command, "--project", tmp_path, "--as-of", "2026-01-01", "--out", tmp_path / "out")
    assert done.returncode == 2
    assert "is told from orders, or from contracts that say when they end; the project gives panel." in shown(
        done.stderr.replace("│", "")
    )
    assert not (tmp_path / "out").exists()
