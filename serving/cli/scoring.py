"""``retinue score``: the whole base into ``scores.parquet`` and the store, with a summary worth reading."""

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from features.project import Project, load_project
from features.text import Text
from serving.cli.output import (
    LANGUAGE,
    AsOfOption,
    ProjectOption,
    QuietOption,
    heading,
    here,
    progress_bar,
    read_as_of,
    say,
    say_set_aside,
    table,
)

if TYPE_CHECKING:  # the libraries behind scoring load slowly; --help must not wait for them
    from serving.batch import Scoring
    from serving.changes import Changes
    from serving.schemas import PopulationDrift, RunSummary

MOST_CONTACTS = 10
MOST_RISEN = 5
RISK_COLUMNS = (Text("customer", "客户"), Text("risk (95 %)", "风险（95%）"), Text("why", "原因"))

SCORE_HELP = Text(
    "Score every customer as of a date; write scores.parquet, publish the scores for 'retinue serve', and raise warnings from"
    " them, unless [alerts] after_scoring = false in the playbook leaves that to 'retinue alerts raise'.\n\n"
    "A scoring that was broken off goes on where it was when it is given again with the same --as-of.\n\n"
    "Example: retinue score --as-of 2026-07-01 --out build/scores",
    "按某日期为全部客户评分；写入 scores.parquet，发布给“retinue serve”，并据此发出预警"
    "（行动手册中 [alerts] after_scoring = false 时不发出，可另用“retinue alerts raise”）。\n\n"
    "中断的评分以相同的 --as-of 再次运行时，会从中断处继续。\n\n"
    "示例：retinue score --as-of 2026-07-01 --out build/scores",
)

OutOption = Annotated[
    Path, typer.Option("--out", help=here(Text("Folder that gets scores.parquet.", "写入 scores.parquet 的文件夹。")))
]


IncrementalOption = Annotated[
    bool,
    typer.Option(
        "--incremental",
        help=here(
            Text(
                "Score only customers with facts since the last scoring, into the run that is served; writes rescored.parquet.",
                "只为自上次评分以来有新数据的客户评分，写入正在提供服务的批次；输出 rescored.parquet。",
            )
        ),
    ),
]


def score(
    as_of: AsOfOption,
    out: OutOption = Path("scores"),
    project: ProjectOption = Path("."),
    incremental: IncrementalOption = False,
    quiet: QuietOption = False,
) -> None:
    """Score every customer."""
    settings = load_project(project)
    (score_news if incremental else score_everybody)(settings, read_as_of(as_of, settings), out, quiet)


COMMANDS = (("score", score, SCORE_HELP),)


def score_everybody(project: Project, as_of: datetime, out: Path, quiet: bool) -> None:
    """Score the whole base, say what came out, and raise warnings."""
    from serving.batch import score as run_scoring

    with progress_bar(quiet) as progress:
        result = run_scoring(project, as_of, out, lambda: datetime.now(UTC), progress)
    say_set_aside(result.set_aside)
    print_scoring(project, result)
    warn(project, quiet)


def score_news(project: Project, as_of: datetime, out: Path, quiet: bool) -> None:
    """Score the customers with new facts again, and say how many there were and how they moved."""
    from serving.changes import MOVES
    from serving.incremental import score_again

    with progress_bar(quiet) as progress:
        result = score_again(project, as_of, out, progress)
    say_set_aside(result.set_aside)
    span = {"run": result.run_id, "since": result.since.astimezone(project.timezone), "as_of": result.as_of}
    if result.file is None:
        say(_NO_NEWS.format(**span))
        return
    say(_SCORED_AGAIN.format(customers=result.customers, file=result.file, **span))
    for name, text in MOVES.items():
        if result.moves.get(name):
            say(Text("  {n:,} {move}", "  {move}：{n:,}").format(n=result.moves[name], move=text))


_NO_NEWS = Text(
    "No customer of run {run} has a fact from {since:%Y-%m-%d %H:%M} to before {as_of:%Y-%m-%d %H:%M}; nothing was changed.",
    "批次 {run} 的客户在 {since:%Y-%m-%d %H:%M} 至 {as_of:%Y-%m-%d %H:%M} 之间没有新数据；未做任何更改。",
)
_SCORED_AGAIN = Text(
    "{customers:,} customers with facts from {since:%Y-%m-%d %H:%M} to before {as_of:%Y-%m-%d %H:%M} were scored again as of then, into"
    " run {run}; the others keep their scores and their age. What only a scoring of everybody tells (tier, value, group, debts) stays"
    " as it was. {file} has the new scores.",
    "{customers:,} 位客户在 {since:%Y-%m-%d %H:%M} 至 {as_of:%Y-%m-%d %H:%M} 之间有新数据，已按该时点重新评分并写入批次 {run}；其他客户的评分与时龄不变。"
    "只有全体评分才能得出的内容（等级、价值、分组、欠款）保持原样。新评分见 {file}。",
)


def warn(project: Project, quiet: bool) -> None:
    """Raise warnings from the scores that were just published, where the playbook wants it, and say how many stand.

    Scores of a day before the last warnings change none of these, and that is said; they stay published.
    """
    from features.errors import AsOfError
    from serving.alerts.run import raise_for_published
    from serving.cli.alerts import say_raised
    from serving.decisions.playbook import load_playbook

    if not load_playbook(project).warnings.after_scoring:
        return
    try:
        with progress_bar(quiet) as progress:
            raised = raise_for_published(project, progress)
    except AsOfError as older:
        say(older.text)
        return
    say_raised(raised)
    say(_standing(project))


def _standing(project: Project) -> Text:
    """How many warnings stand, by colour."""
    from serving.alerts.kinds import RANKS
    from serving.store import open_project_store, reading
    from serving.store.alerts import AlertFilters, count_cases

    with closing(open_project_store(project)) as store, reading(store) as connection:
        counts = count_cases(connection, AlertFilters())
    return _STANDING.format(**{colour: counts.get(rank, 0) for colour, rank in RANKS.items()})


_STANDING = Text(
    "Warnings that stand: {red:,} red, {orange:,} orange, {yellow:,} yellow. 'retinue alerts list' names them.",
    "当前预警：红色 {red:,}、橙色 {orange:,}、黄色 {yellow:,}。用“retinue alerts list”查看。",
)

_CONTINUED = Text(
    "This went on with a scoring that was broken off: {continued:,} of the {customers:,} customers had been scored by it.",
    "本次接续了中断的评分：{customers:,} 位客户中有 {continued:,} 位此前已评分。",
)


def print_scoring(project: Project, result: "Scoring") -> None:
    """Who is at risk, which segments there are, and whom to contact first."""
    summary = result.published.summary
    as_of = result.published.as_of.astimezone(project.timezone)
    heading(
        Text("{company} as of {as_of:%Y-%m-%d}", "{company}，时点 {as_of:%Y-%m-%d}").format(
            company=project.project.name, as_of=as_of
        )
    )
    bands = summary.by_churn_band
    say(
        Text(
            "{customers:,} customers scored; risk ({outcome}): {high:,} high, {medium:,} medium, {low:,} low"
            "{abstained}",
            "已评分 {customers:,} 位客户；风险（{outcome}）：高 {high:,}、中 {medium:,}、低 {low:,}{abstained}",
        ).format(
            customers=summary.customers,
            outcome=_leaving(project, summary),
            abstained=_abstained(summary.abstained),
            **{name: bands.get(name, 0) for name in ("high", "medium", "low")},
        )
    )
    if result.continued:
        say(_CONTINUED.format(continued=result.continued, customers=summary.customers))
    say(_money(summary))
    if summary.lifetime_value is not None:
        say(_worth(summary))
    if result.invoices_file is not None:
        say(_owed(result.invoices_file, summary.currency))
    if result.knows_until is not None and result.knows_until > result.published.as_of:
        say(
            Text(
                "Careful: the model knows facts up to {known:%Y-%m-%d}, so these scores are told in hindsight. To see how good"
                " it was at the time, train with --as-of {as_of:%Y-%m-%d}.",
                "请注意：模型已获知截至 {known:%Y-%m-%d} 的数据，这些评分带有事后信息。要了解当时的真实效果，"
                "请用 --as-of {as_of:%Y-%m-%d} 训练。",
            ).format(known=result.knows_until, as_of=as_of)
        )
    if result.level_shift:
        say(
            Text(
                "The model is older than its horizon. For the {customers:,} customers whose outcome has come since, its level"
                " was off by {off:+.2f} in log-odds (± {error:.2f}); it was moved by half of that, and the intervals are wider."
                " 'retinue train' learns anew.",
                "模型的训练时间已超过一个预测期。对其后结果已知的 {customers:,} 位客户，概率水平偏差为对数几率 {off:+.2f}（± {error:.2f}）；"
                "已按一半修正，区间相应变宽。可用“retinue train”重新训练。",
            ).format(
                customers=result.level_shift.customers,
                off=result.level_shift.log_odds,
                error=result.level_shift.standard_error,
            )
        )
    if summary.drift is not None and summary.drift.is_large:
        say(_drifted(summary.drift))
    _print_segments(summary.by_segment)
    _print_contacts(result)
    if result.changes is not None:
        _print_changes(project, result.changes)
    say("")
    say(
        Text("Written to {file}; published as run {run}.", "已写入 {file}；发布批次 {run}。").format(
            file=result.file, run=result.published.run_id
        )
    )


def _drifted(drift: "PopulationDrift") -> Text:
    most = ", ".join(f"{one.feature} {one.index:.2f}" for one in drift.moved_most)
    text = Text(
        "The customers are no longer those that the model was learnt among: {moved} of its features moved (population"
        " stability index above 0.25{most}); the churn probability has {probability:.2f}. Look whether a source has changed;"
        " if not, 'retinue train' learns anew.",
        "当前客户群体已不同于模型训练时：{moved} 个特征发生偏移（群体稳定性指标 PSI 高于 0.25{most}）；流失概率的 PSI 为 {probability:.2f}。"
        "请检查数据来源是否变化；如无变化，请用“retinue train”重新训练。",
    )
    return text.format(
        moved=drift.moved,
        most=Text(": {most}", "：{most}").format(most=most) if most else Text("", ""),
        probability=drift.churn_probability,
    )


def _leaving(project: Project, summary: "RunSummary") -> Text:
    from training.kinds.words import outcome_of

    return Text(summary.leaving.en, summary.leaving.zh) if summary.leaving else outcome_of(project.churn)


def _abstained(customers: int) -> Text:
    """The end of the sentence on the risks."""
    if not customers:
        return Text(".", "。")
    return Text(
        "; {n:,} without a probability (nothing to lose yet, or already gone).",
        "；{n:,} 位无概率（尚无可流失，或已流失）。",
    ).format(n=customers)


def _money(summary: "RunSummary") -> Text:
    """What is at stake and what the actions are expected to earn, or why neither is known."""
    if not summary.knows_money:
        return Text(
            "What is at stake in money is not known without orders or contract prices, so no action is recommended.",
            "没有订单或合同价格，无法得知面临流失的价值，因此不推荐行动。",
        )
    stake = Text("", "")
    if summary.high_risk_value_at_stake is not None:
        stake = Text(
            "Margin at stake with high-risk customers over {days} days: {currency} {stake:,.0f}. ",
            "高风险客户 {days} 天内的毛利：{currency} {stake:,.0f}。",
        ).format(days=summary.value_horizon_days, currency=summary.currency, stake=summary.high_risk_value_at_stake)
    return Text(
        "{stake}The recommended actions together are expected to earn {currency} {profit:,.0f}, under the playbook's"
        " assumptions.",
        "{stake}按行动手册的假设，全部推荐行动预计带来 {currency} {profit:,.0f}。",
    ).format(stake=stake, currency=summary.currency, profit=summary.expected_profit or 0.0)


def _worth(summary: "RunSummary") -> Text:
    """What all customers are expected to bring, and how many there are of each tier."""
    from training.tiers import TIERS

    named = summary.tier_names
    tiers = [(named[code], summary.by_tier.get(code, 0)) for code in TIERS if code in named]
    return Text(
        "Expected margin of all customers over {days} days, discounted: {currency} {value:,.0f}. Tiers: {tiers}.",
        "全部客户 {days} 天内的预期毛利（折现）：{currency} {value:,.0f}。客户等级：{tiers}。",
    ).format(
        days=summary.value_horizon_days,
        currency=summary.currency,
        value=summary.lifetime_value,
        tiers=Text(
            ", ".join(f"{name.en} {n:,}" for name, n in tiers), "、".join(f"{name.zh} {n:,}" for name, n in tiers)
        ),
    )


def _owed(file: Path, currency: str) -> Text:
    """What is open, what of it is overdue, and what is expected to come late."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    invoices = pq.read_table(file, columns=["days_overdue", "open_amount"])
    overdue = invoices.filter(pc.greater(invoices["days_overdue"], 0))
    said = Text(
        "Open invoices: {n:,}, {currency} {open:,.0f}, of which {currency} {overdue:,.0f} are overdue. 'retinue receivables' tells more.",
        "未结发票 {n:,} 张，{currency} {open:,.0f}，其中逾期 {currency} {overdue:,.0f}。详见“retinue receivables”。",
    )
    return said.format(
        n=invoices.num_rows,
        currency=currency,
        open=pc.sum(invoices["open_amount"]).as_py() or 0.0,
        overdue=pc.sum(overdue["open_amount"]).as_py() or 0.0,
    )


def _print_segments(sizes: dict[str, int]) -> None:
    from training.models.rfm import SEGMENTS

    if not sizes:
        return
    heading(Text("Segment sizes", "细分规模"))
    most = max(sizes.values(), default=1)
    table(
        (Text("segment", "细分"), Text("customers", "客户数"), ""),
        [(here(SEGMENTS[s].name), f"{n:,}", "█" * max(1, round(30 * n / most))) for s, n in sizes.items()],
        right=(1,),
    )


def _print_contacts(result: "Scoring") -> None:
    if not result.published.summary.knows_money:
        _print_highest_risks(result)
        return
    heading(Text("Contact first", "优先联系"))
    first = _first(result, "expected_profit", "expected_profit > 0")
    if not first:
        say(Text("No action of the playbook pays for anybody today.", "今天没有值得采取的行动。"))
        _print_highest_risks(result)
        return
    table(
        (
            *RISK_COLUMNS,
            Text("action", "行动"),
            Text("expected profit (low–high)", "预期利润（低–高）"),
        ),
        [_contact(row) for row in first],
        right=(1, 4),
    )


def _print_highest_risks(result: "Scoring") -> None:
    """Whom to look at where no money can be compared."""
    first = _first(result, "churn_probability", "churn_probability IS NOT NULL")
    if first:
        heading(Text("Highest risk", "风险最高"))
        table(RISK_COLUMNS, [_risk(row) for row in first], right=(1,))


def _first(result: "Scoring", by: str, condition: str) -> list[dict[str, Any]]:
    """The scores with most of something, read out of the file without the others."""
    import duckdb

    with duckdb.connect() as connection:
        scores = connection.read_parquet(str(result.file)).filter(condition)
        rows: list[dict[str, Any]] = (
            scores.order(f"{by} DESC, customer_id").limit(MOST_CONTACTS).to_arrow_table().to_pylist()
        )
    return rows


def _print_changes(project: Project, changes: "Changes") -> None:
    """Who moved since the run before, and those with most money whose risk rose."""
    from serving.changes import MOVES

    heading(
        Text("Since the run of {before:%Y-%m-%d}", "自 {before:%Y-%m-%d} 批次以来的变化").format(
            before=changes.before.astimezone(project.timezone)
        )
    )
    if changes.models[0] != changes.models[1]:
        say(
            Text(
                "Scored by another version of the model: {then} then, {now} now.",
                "评分模型版本已更换：此前为 {then}，现为 {now}。",
            ).format(then=changes.models[0], now=changes.models[1])
        )
    if not changes.moves:
        say(Text("Nobody moved to another band of risk.", "没有客户的风险等级发生变化。"))
        return
    moved = [(MOVES[move], f"{n:,}") for move, n in changes.moves.items()]
    told = Text(", ".join(f"{n} {name.en}" for name, n in moved), "、".join(f"{name.zh} {n}" for name, n in moved))
    say(
        Text(
            "Customers who moved: {moves}. {file} tells who and why.", "发生变化的客户：{moves}。名单与原因见 {file}。"
        ).format(moves=told, file=changes.file)
    )
    if risen := changes.first(MOST_RISEN):
        table(
            (Text("customer", "客户"), Text("risk before", "此前风险"), Text("now", "现在"), Text("why", "原因")),
            [_moved(row) for row in risen],
            right=(1, 2),
        )


def _moved(row: dict[str, Any]) -> tuple[str, str, str, str]:
    name = row["customer_name"]
    return (
        f"{row['customer_id']} {name}" if name else row["customer_id"],
        f"{row['churn_probability_before']:.0%}",
        f"{row['churn_probability']:.0%}",
        (row["why"] or {}).get(LANGUAGE, "–"),
    )


def _risk(row: dict[str, Any]) -> tuple[str, str, str]:
    probability = row["churn_probability"]
    name = row["customer_name"]
    return (
        f"{row['customer_id']} {name}" if name else row["customer_id"],
        "–"
        if probability is None
        else f"{probability:.0%} ({row['churn_probability_low']:.0%}–{row['churn_probability_high']:.0%})",
        (row["why"] or {}).get(LANGUAGE, "–"),
    )


def _contact(row: dict[str, Any]) -> tuple[str, ...]:
    return (
        *_risk(row),
        row["recommended_action_name"][LANGUAGE],
        f"{row['currency']} {row['expected_profit']:,.2f} "
        f"({row['expected_profit_low']:,.2f}–{row['expected_profit_high']:,.2f})",
    )
