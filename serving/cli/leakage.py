"""``retinue leakage``: does any feature see the future, on the company's own facts?"""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from features.errors import ProjectError, nearest
from features.project import load_project
from features.text import Text
from features.writing import atomic_file
from serving.cli.output import LANGUAGE, ProjectOption, QuietOption, heading, here, progress_bar, read_as_of, say
from serving.cli.training import EndOption

if TYPE_CHECKING:  # the libraries behind training load slowly; --help must not wait for them
    from features.catalogue import Feature
    from features.leakage.certificate import Certificate, Finding
    from features.sources import Facts

HELP = Text(
    "Check on your own facts that no feature and no label sees the future; exit status 1 if one does.\n\n"
    "Example: retinue leakage --as-of 2026-07-01 --json leakage.json",
    "用您自己的数据检查特征和标签是否会看到未来；若有泄漏则退出码为 1。\n\n"
    "示例：retinue leakage --as-of 2026-07-01 --json leakage.json",
)

Cutoffs = Annotated[
    list[str] | None,
    typer.Option(
        "--cutoff",
        help=here(
            Text(
                "Cut-off to check; may be given several times. Without it, some of those that training learns from.",
                "要检查的截止时间，可多次给出。不给出时，取训练所用截止时间中的若干个。",
            )
        ),
    ),
]
Names = Annotated[
    list[str] | None,
    typer.Option(
        "--features",
        help=here(
            Text(
                "Names of the features to check, with commas between them. Without it, all.",
                "要检查的特征名称，以逗号分隔。不给出时检查全部。",
            )
        ),
    ),
]
SampleOption = Annotated[
    int | None,
    typer.Option(
        "--sample",
        min=1,
        help=here(
            Text(
                "How many customers to look at; 2,000 without it, or fewer if they have very many facts.",
                "检查多少位客户；不给出时为 2000 位，若事实极多则更少。",
            )
        ),
    ),
]
JsonFile = Annotated[
    Path | None,
    typer.Option("--json", help=here(Text("Also write all findings to this file.", "将全部结果写入此文件。"))),
]


def leakage(
    as_of: EndOption = None,
    cutoff: Cutoffs = None,
    features: Names = None,
    sample: SampleOption = None,
    json_file: JsonFile = None,
    project: ProjectOption = Path("."),
    quiet: QuietOption = False,
) -> None:
    """Check that nothing sees the future; leave with 1 if something does."""
    from features.sources import open_facts
    from training.leakage.certify import THOROUGH, Extent, certify

    settings = load_project(project)
    until = read_as_of(as_of, settings) if as_of is not None else None
    cutoffs = [read_as_of(value, settings) for value in cutoff or ()]
    extent = THOROUGH if sample is None else Extent(THOROUGH.cutoffs, sample, None, THOROUGH.probes)
    with progress_bar(quiet) as progress:
        progress(Text("reading the facts", "读取数据"), 0.0)
        with open_facts(settings) as facts:
            chosen = _chosen(facts, features)
            certificate = certify(facts, until, chosen, cutoffs, extent, datetime.now(UTC), progress)
    print_certificate(certificate)
    if json_file is not None:
        with atomic_file(json_file) as temporary:
            temporary.write_text(json.dumps(certificate.as_json(), ensure_ascii=False, indent=1), encoding="utf-8")
        say(Text("All findings are in {file}.", "全部结果已写入 {file}。").format(file=json_file))
    if not certificate.passed:
        raise typer.Exit(1)


def _chosen(facts: "Facts", names: list[str] | None) -> "list[Feature] | None":
    """The features of those names; None without names. Raises ProjectError: the tables support no such feature."""
    from training.loading import features_of

    if not names:
        return None
    active = {f.name: f for f in features_of(facts)}
    wanted = [name.strip() for given in names for name in given.split(",") if name.strip()]
    for name in wanted:
        if name not in active:
            raise ProjectError(
                Text("The project's tables give no feature '{name}'. {hint}", "项目的数据表不提供特征“{name}”。{hint}"),
                name=name,
                hint=nearest(name, active),
            )
    return [active[name] for name in wanted]


def print_certificate(certificate: "Certificate") -> None:
    """Print a certificate for people: the verdict, what was checked, what was found and what to do."""
    from features.leakage.report import FOUND, LIMITS, SOUND, by_subject, sound, verdict, what_was_checked

    heading(Text("Leakage certificate", "泄漏证书"))
    say(verdict(certificate))
    say(what_was_checked(certificate))
    if found := by_subject([*certificate.of("failed"), *certificate.of("warning")]):
        heading(FOUND)
        for finding, more in found:
            _print_finding(finding, more)
    heading(SOUND)
    for name, cases, _ in sound(certificate):
        say(f"✓ {here(name)} ({cases})")
    if certificate.limits:
        heading(LIMITS)
        for limit in certificate.limits:
            say(f"• {here(limit)}")


def _print_finding(finding: "Finding", more: int) -> None:
    from features.leakage.report import row

    cells = row(finding, LANGUAGE)
    mark = "✗" if finding.severity == "failed" else "!"
    say(f"{mark} {cells['subject']} · {cells['cutoff']} · {cells['check']}")
    say(f"  {cells['what']}")
    if cells["next_step"]:
        say(f"  → {cells['next_step']}")
    if more:
        say(Text("  and {n} more findings of this kind.", "  同类发现另有 {n} 项。").format(n=more))


COMMANDS = (("leakage", leakage, HELP),)
