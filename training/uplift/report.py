"""The race of every action as a card: a Markdown table of all rankings in each language, kept beside the model."""

from features.text import LANGUAGES, Language, Text
from training.evaluation.bootstrap import Estimate
from training.uplift.model import LearntUplift
from training.uplift.race import TOP_SHARE, Race, Runner
from training.uplift.rankings import NAMES

FILE = "race.{language}.md"


def race_report(model: LearntUplift) -> dict[str, str]:
    """The card in each language, by the name of its file."""
    return {FILE.format(language=language): _card(model, language) for language in LANGUAGES}


def _card(model: LearntUplift, language: Language) -> str:
    head = _TITLE.format(horizon=model.horizon_days, as_of=model.as_of[:10]).of(language)
    parts = [f"# {head}", _CONVENTION.of(language)]
    for one in model.actions:
        parts += [f"## {one.action}", one.race.why().of(language), one.race.worth().of(language)]
        parts.append(_table(one.race, language))
    parts += [why.of(language) for why in model.unlearnt.values()]
    return "\n\n".join(parts) + "\n"


def _table(race: Race, language: Language) -> str:
    rows = [_row(tuple(column.of(language) for column in _COLUMNS)), _row(("---",) * len(_COLUMNS))]
    rows += [_row(_cells(runner, race.picked, language)) for runner in race.runners]
    return "\n".join(rows)


def _cells(runner: Runner, picked: str, language: Language) -> tuple[str, ...]:
    return (
        NAMES[runner.ranking].of(language),
        _between(runner.qini, 4),
        f"{runner.auuc:.4f}",
        _between(runner.extra_per_1000, 1),
        _between(runner.policy, 3),
        _SERVES.of(language) if runner.ranking == picked else "",
    )


def _between(told: Estimate, digits: int) -> str:
    if not told.bounded:
        return f"{told.value:.{digits}f}"
    return f"{told.value:.{digits}f} ({told.low:.{digits}f} … {told.high:.{digits}f})"


def _row(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cells) + " |"


_TITLE = Text(
    "Whom actions keep: effect on leaving within {horizon} days, learnt from what was known before {as_of}",
    "行动能留住谁：对 {horizon} 天内流失的影响，根据 {as_of} 之前的数据学习",
)
_CONVENTION = Text(
    "Customers are ranked by models of other customers. Qini coefficient and AUUC as scikit-uplift defines them: 1 is perfect, 0"
    " what a lot gives. In brackets: 95 % intervals over customers. Good outcome: the customer stays.",
    "客户由未见过该客户的模型排序。Qini 系数与 AUUC 采用 scikit-uplift 的定义：1 为完美，0 为随机。"
    "括号内为按客户计算的 95% 区间。期望结果：客户留下。",
)
_COLUMNS = (
    Text("ranking", "排序依据"),
    Text("Qini coefficient", "Qini 系数"),
    Text("AUUC", "AUUC"),
    Text(
        "more who stay, for 1,000 treated of the top {share:.0%}", "对前 {share:.0%} 中 1000 位采取行动多留住的客户"
    ).format(share=TOP_SHARE),
    Text("share who stay if only these are treated", "只对这些客户采取行动时的留存率"),
    Text("serves", "采用"),
)
_SERVES = Text("yes", "是")
