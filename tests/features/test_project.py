from pathlib import Path

import pytest

from features.errors import ProjectError
from features.project import FormattedColumn, SqlColumn, load_project

CONTRACT = """
[project]
name = "Acme Trading"
currency = "EUR"
timezone = "Europe/Berlin"
[tables.orders]
path = "orders/*.csv"
where = "CustomerID IS NOT NULL"
columns = { customer_id = "CustomerID", ordered_at = "InvoiceDate", amount = { sql = "Quantity * UnitPrice" } }
[tables.invoices]
database = "sqlite:///erp.db"
table = "bills"
[tables.invoices.columns]
invoice_id = "no"
customer_id = "customer"
issued_at = "issued"
due_at = "due"
amount = "amount"
settled_at = { column = "SettledDate", format = "%m/%d/%Y" }
[churn]
kind = "silence"
horizon_days = 90
active_within_days = 180
"""
HEAD = '[project]\nname = "Acme"\ncurrency = "EUR"\n'
ORDERS = '[tables.orders]\npath = "o.csv"\ncolumns = { customer_id = "c", ordered_at = "d", amount = "a" }\n'


def faults(folder: Path, text: str) -> list[str]:
    file = folder / "retinue.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ProjectError) as error:
        load_project(file)
    english, chinese = error.value.text
    assert len(english.splitlines()) == len(chinese.splitlines())
    return [line.removeprefix("  - ") for line in english.splitlines()[1:]]


def with_orders_column(column: str) -> str:
    return HEAD + ORDERS.replace(" }", f", {column} }}")


def test_the_public_shape_is_read_as_it_is_written(tmp_path: Path) -> None:
    (tmp_path / "retinue.toml").write_text(CONTRACT, encoding="utf-8")
    project = load_project(tmp_path)
    assert project.root == tmp_path.resolve()
    assert project.workspace == tmp_path.resolve() / ".retinue"
    assert project.tables["orders"].columns["amount"] == SqlColumn(sql="Quantity * UnitPrice")
    assert project.tables["invoices"].columns["settled_at"] == FormattedColumn(column="SettledDate", format="%m/%d/%Y")
    assert (project.churn.kind, project.churn.horizon_days, project.churn.active_within_days) == ("silence", 90, 180)
    assert project.timezone.key == "Europe/Berlin"


def test_a_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    (tmp_path / "retinue.toml").write_text(CONTRACT, encoding="utf-8-sig")
    assert load_project(tmp_path / "retinue.toml").project.name == "Acme Trading"


def test_a_missing_file_points_to_init(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="retinue init"):
        load_project(tmp_path)


def test_what_is_no_toml_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "retinue.toml").write_text("[project\n")
    with pytest.raises(ProjectError, match="line 1"):
        load_project(tmp_path)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (HEAD + "timezon = 'UTC'\n" + ORDERS, "project.timezon: unknown key. Did you mean 'timezone'?"),
        (HEAD + ORDERS + "[chrun]\n", "chrun: unknown key. Did you mean 'churn'?"),
        (HEAD + ORDERS + "[churn]\nhorizon_day = 9\n", "churn.horizon_day: unknown key. Did you mean 'horizon_days'?"),
        (HEAD + ORDERS + "[churn]\nhorizon_days = 0\n", "churn.horizon_days: got 0; expected 1 or more."),
        (HEAD + ORDERS + "[churn]\nhorizon_days = '9'\n", "churn.horizon_days: got '9'; expected a whole number."),
        (
            HEAD + ORDERS + "[churn]\nkind = 'quiet'\n",
            "churn.kind: got 'quiet'; expected one of 'silence', 'contract', 'decline' or 'panel'.",
        ),
        (HEAD + ORDERS + "[churn.bands]\nmedium = 0.9\n", "churn.bands: medium must be below high."),
        (HEAD + ORDERS + "[segments]\ncut = 'fixed'\n", "segments.cut: unknown key. Did you mean 'cuts'?"),
        (HEAD + ORDERS + "[segments]\nspend = [1]\n", 'segments: spend goes with cuts = "fixed".'),
        (
            HEAD + ORDERS + "[segments]\ncuts = 'fixed'\nlevels = 3\nrecency_days = [90, 30]\n",
            'segments: with cuts = "fixed", recency_days needs 2 rising numbers, one fewer than levels.',
        ),
        (HEAD + ORDERS + "[segments]\nlevels = 1\n", "segments.levels: got 1; expected 2 or more."),
        (
            HEAD + ORDERS + "[tiers]\nby = 'size'\n",
            "tiers.by: got 'size'; expected one of 'spend', 'margin' or 'value_score'.",
        ),
        (
            HEAD + ORDERS + "[tiers]\nnames = ['A', 'B', 'B', 'C']\n",
            "tiers.names: got ['A', 'B', 'B', 'C']; expected four different names, best first.",
        ),
        (
            HEAD + ORDERS + "[tiers]\nshares = [0.5, 0.5, 0.5]\n",
            "tiers.shares: got [0.5, 0.5, 0.5]; expected three shares of the customers above 0, best tier first, together"
            " at most 1.",
        ),
        (
            HEAD + ORDERS + "[tiers]\nthresholds = [1, 2, 3]\n",
            "tiers.thresholds: got [1, 2, 3]; expected three falling scores, best tier first.",
        ),
        (
            HEAD.replace("EUR", "euro") + ORDERS,
            "project.currency: got 'euro'; expected a currency code of three capital letters, e.g. EUR or CNY.",
        ),
        (
            HEAD + "timezone = 'Europe/Berln'\n" + ORDERS,
            "project.timezone: got 'Europe/Berln'; this is no IANA time zone. Did you mean 'Europe/Berlin'?",
        ),
        (ORDERS, "project: is required and missing."),
        (HEAD + ORDERS.replace("path", "pat"), "tables.orders.pat: unknown key. Did you mean 'path'?"),
        (HEAD + ORDERS.replace('"o.csv"', "5"), "tables.orders.path: got 5; expected a text in quotes."),
        (HEAD + ORDERS.replace('path = "o.csv"', ""), "tables.orders: give either path or database."),
        (
            HEAD + ORDERS.replace('path = "o.csv"', 'database = "sqlite:///x"'),
            "tables.orders: with database, give either table or query.",
        ),
        (
            HEAD + ORDERS + ORDERS.replace("orders", "order"),
            "[tables.order]: there is no such table. Did you mean 'orders'?",
        ),
        (
            HEAD + ORDERS.replace("ordered_at", "orderd_at"),
            "[tables.orders] columns has no 'orderd_at'. Did you mean 'ordered_at'?",
        ),
        (
            HEAD + ORDERS.replace(', amount = "a"', ""),
            "[tables.orders] columns lacks 'amount' (what it came to; returns are negative), which is required.",
        ),
        (
            HEAD + '[tables.payments]\npath = "p.csv"\ncolumns = { customer_id = "c", paid_at = "d", amount = "a" }\n',
            "a project needs at least one of the tables orders, subscriptions, invoices, panel; got payments.",
        ),
    ],
)
def test_each_mistake_is_said_in_one_sentence_with_what_is_right(tmp_path: Path, text: str, fault: str) -> None:
    assert fault in faults(tmp_path, text)


PAIR = '{ more = "volume", than = "growth", by = 3 }'


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        ("criteria = { volum = 1 }", "value.score: there is no criterion 'volum'. Did you mean 'volume'?"),
        ("criteria = { volume = 0 }", "value.score: at least one weight must be above 0."),
        ("criteria = { volume = -1 }", "value.score.criteria.volume: got -1; expected 0.0 or more."),
        (
            "weights = 'ahp'\njudgements = [{ mor = 'volume', than = 'growth', by = 3 }]",
            "value.score.judgements.0.mor: unknown key. Did you mean 'more'?",
        ),
        ("weights = 'guess'", "value.score.weights: got 'guess'; expected one of 'project', 'entropy' or 'ahp'."),
        ("weights = 'entropy'\ncriteria = { volume = 1 }", "value.score: criteria go with weights = 'project'."),
        ("weights = 'ahp'", "value.score: weights = 'ahp' and judgements go together."),
        (f"judgements = [{PAIR}]", "value.score: weights = 'ahp' and judgements go together."),
        (
            f"weights = 'ahp'\njudgements = [{PAIR}, {PAIR}]",
            "value.score: the judgement of volume and growth stands twice",
        ),
        (
            f"weights = 'ahp'\njudgements = [{PAIR}, {PAIR.replace('growth', 'margin')}]",
            "value.score: every pair needs a judgement; missing: growth / margin.",
        ),
        ("industries.steel = { volum = 1 }", "value.score: there is no criterion 'volum'. Did you mean 'volume'?"),
    ],
)
def test_weights_of_the_value_score_are_checked(tmp_path: Path, lines: str, fault: str) -> None:
    assert fault in "\n".join(faults(tmp_path, HEAD + ORDERS + "[value.score]\n" + lines + "\n"))


def test_judgements_and_weights_of_industries_are_read(tmp_path: Path) -> None:
    text = f"[value.score]\nweights = 'ahp'\njudgements = [{PAIR}]\n[value.score.industries.steel]\nvolume = 2\n"
    (tmp_path / "retinue.toml").write_text(HEAD + ORDERS + text, encoding="utf-8")
    score = load_project(tmp_path).value.score
    assert [(j.more, j.than, j.by) for j in score.judgements] == [("volume", "growth", 3)]
    assert score.industries == {"steel": {"volume": 2}}


@pytest.mark.parametrize(
    ("column", "fault"),
    [
        ('margin = { sqll = "x" }', "margin: unknown key 'sqll'. Did you mean 'sql'?"),
        ('promised_at = { colum = "x", format = "%d" }', "promised_at: unknown key 'colum'. Did you mean 'column'?"),
        ('promised_at = { column = "x", fmt = "%d" }', "promised_at: unknown key 'fmt'. Did you mean 'format'?"),
        ('margin = { sql = "" }', "margin: sql must be a text in quotes, got ''."),
        (
            'margin = { column = "x", format = "%d" }',
            "margin: a format is for times, and this is none; name the column in quotes.",
        ),
        (
            "margin = 5",
            'margin: expected a column\'s name in quotes, { sql = "…" }, { column = "…", format = "…" } for times, or '
            '{ column = "…", decimal = "," } for numbers; got 5.',
        ),
        (
            'margin = { sql = "a", column = "b", format = "c" }',
            'margin: expected a column\'s name in quotes, { sql = "…" }, { column = "…", format = "…" } for times, or '
            '{ column = "…", decimal = "," } for numbers; '
            "got sql, column, format.",
        ),
    ],
)
def test_a_wrong_column_source_is_one_fault(tmp_path: Path, column: str, fault: str) -> None:
    assert faults(tmp_path, with_orders_column(column)) == [f"[tables.orders] {fault}"]


def test_attributes_belong_to_tables_that_may_have_them(tmp_path: Path) -> None:
    assert faults(tmp_path, with_orders_column('attributes = ["x"]'))[0].startswith(
        "[tables.orders] columns has no 'attributes'."
    )
    customers = '[tables.customers]\npath = "c.csv"\ncolumns = { customer_id = "c", attributes = "x" }\n'
    assert faults(tmp_path, HEAD + ORDERS + customers) == [
        '[tables.customers] attributes: expected a list of column names, e.g. ["Region", "Tier"]; got \'x\'.'
    ]


def test_all_faults_are_listed_at_once(tmp_path: Path) -> None:
    text = (HEAD + ORDERS).replace("EUR", "eur").replace("ordered_at", "at") + "[churn]\nhorizon_days = 0\n"
    assert len(faults(tmp_path, text)) == 4  # currency, unknown at, lacking ordered_at, horizon


def test_the_faults_speak_chinese_as_well(tmp_path: Path) -> None:
    (tmp_path / "retinue.toml").write_text(HEAD + ORDERS + "[churn]\nhorizon_days = 0\n")
    with pytest.raises(ProjectError) as error:
        load_project(tmp_path)
    assert "churn.horizon_days：得到 0；应不小于 1。" in error.value.text.zh


def test_segments_and_tiers_can_be_cut_as_the_company_does(tmp_path: Path) -> None:
    settings = """
[segments]
cuts = "fixed"
levels = 3
recency_days = [30, 90]
purchase_days = [1, 4]
spend = [500, 2500.5]
[tiers]
by = "margin"
names = ["A", "B", "C", { en = "rest", zh = "其他" }]
thresholds = [100000, 20000, 5000]
"""
    (tmp_path / "retinue.toml").write_text(HEAD + ORDERS + settings, encoding="utf-8")
    project = load_project(tmp_path)
    assert project.segments.recency_days == (30, 90)
    assert project.segments.spend == (500, 2500.5)
    assert project.tiers.thresholds == (100000, 20000, 5000)
    assert project.tiers.names is not None
    assert project.tiers.names[0] == "A"
