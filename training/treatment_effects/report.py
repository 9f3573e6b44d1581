"""What was learnt of each action as a card in Markdown, one in each language, kept beside the model."""

from features.text import LANGUAGES, Text
from training.treatment_effects.learnt import LearntEffects

FILE = "effects.{language}.md"

_TITLE = Text(
    "What actions do to leaving within {horizon} days, learnt from what was known before {as_of}",
    "各行动对 {horizon} 天内流失的影响，根据 {as_of} 之前的数据学习",
)
_ASSUMED = Text(
    "Assumed: given what the features say, chance decided who was treated. Intervals hold 90 % of what is believed after the log"
    " was heard. Customers who have left already are told apart from those who are here and leave; actions change the latter alone.",
    "前提：在特征相同的客户中，谁被处理由随机决定。区间包含听取记录之后 90% 的可能。已流失的客户与尚在但将流失的客户被区分开；行动只能改变后者。",
)


def effects_report(model: LearntEffects) -> dict[str, str]:
    """The card in each language, by the name of its file."""
    title = _TITLE.format(horizon=model.horizon_days, as_of=model.as_of[:10])
    return {
        FILE.format(language=language): "\n\n".join(
            [
                f"# {title.of(language)}",
                _ASSUMED.of(language),
                "\n".join(f"- {one.of(language)}" for one in model.said()),
            ]
        )
        + "\n"
        for language in LANGUAGES
    }
