"""The model card: what a model predicts, how good it is, for whom, for what not; in English and Chinese."""

from features.leakage.certificate import Certificate
from features.text import LANGUAGES, Language, Text
from training.card.facts import CardFacts, measured
from training.card.html import html
from training.card.markdown import markdown
from training.card.sections import Context, sections
from training.card.summary import summary
from training.evaluation.figures import pictures
from training.evaluation.judged import Judged

TITLE = Text("Who is about to leave: model card of {project}", "谁将流失：{project} 模型说明卡")


def model_card(facts: CardFacts, judged: Judged, certificate: Certificate, seed: int = 0) -> dict[str, str | bytes]:
    """The card's files by name: ``card.en.html`` and ``card.zh.html`` need nothing else, ``card.*.md`` the PNG files.

    The same facts and seed give the same files. Where this machine has no Chinese letters, the Chinese card has the
    English pictures.
    """
    figures = measured(facts, judged, seed)
    drawn = pictures(
        judged,
        figures.cutoffs,
        {column: (facts.groups[column], groups) for column, groups in figures.groups.items()},
        facts.costs,
        facts.currency,
    )
    title = TITLE.format(project=facts.project)
    head = summary(facts, judged, certificate, figures)
    parts = sections(Context(facts, judged, certificate, figures))
    files: dict[str, str | bytes] = {_file(name, language): data for (name, language), data in drawn.items()}
    names = dict.fromkeys(name for name, _ in drawn)
    for language in LANGUAGES:
        of_language: dict[str, Language] = {name: language if (name, language) in drawn else "en" for name in names}
        inlined = {name: drawn[name, its] for name, its in of_language.items()}
        beside = {name: _file(name, its) for name, its in of_language.items()}
        files[f"card.{language}.html"] = html(title, head, parts, inlined, language)
        files[f"card.{language}.md"] = markdown(title, head, parts, beside, language)
    return files


def _file(name: str, language: Language) -> str:
    return f"{name}.{language}.png"
