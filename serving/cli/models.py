"""``retinue models``: which versions there are, how good they are, which one serves, and what served when."""

from collections.abc import Callable
from datetime import datetime
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from features.errors import ModelError
from features.project import Project, load_project
from features.text import Text
from serving.cli.ledger_words import VERDICTS
from serving.cli.output import ProjectOption, heading, here, say, signature, table
from serving.cli.training import MODEL_NAMES

if TYPE_CHECKING:  # the libraries behind MLflow load slowly; --help must not wait for them
    from training.comparison import Compared, Paired
    from training.ledger import Entry, Promotion

NAME = "models"
HELP = Text(
    "Versions of the churn model: list, show, compare, promote, challenge, roll back, and what served when.\n\n"
    "Example: retinue models list",
    "流失模型的各个版本：列出、查看、比较、启用、设为挑战版本、回退，以及服务记录。\n\n示例：retinue models list",
)
LIST_HELP = Text(
    "List all versions: which one serves, how good each was, and whether it may serve.\n\nExample: retinue models list",
    "列出全部版本：哪个在服务、各自的表现，以及是否获准服务。\n\n示例：retinue models list",
)
SHOW_HELP = Text(
    "Show all of one version: metrics beside the baselines, parameters, verdicts and files.\n\n"
    "Example: retinue models show 3",
    "查看某个版本的全部信息：与基线并列的指标、参数、审核结果和文件。\n\n示例：retinue models show 3",
)
COMPARE_HELP = Text(
    "Compare two versions: metrics, features that differ, and the difference on the same customers.\n\n"
    "Example: retinue models compare 2 3",
    "比较两个版本：指标、不同的特征，以及在相同客户上的差异。\n\n示例：retinue models compare 2 3",
)
PROMOTE_HELP = Text(
    "Let a version serve. One that was refused needs --force and --reason.\n\n"
    'Example: retinue models promote 3 --force --reason "pilot agreed with sales"',
    '启用某个版本。未获准的版本需要 --force 和 --reason。\n\n示例：retinue models promote 3 --force --reason "与销售商定试点"',
)
ROLLBACK_HELP = Text(
    "Return to the version that served before; doing it again undoes it.\n\nExample: retinue models rollback",
    "回退到此前服务的版本；再次执行即撤销回退。\n\n示例：retinue models rollback",
)
CHALLENGE_HELP = Text(
    "Let a version run beside the one that serves: [serve] canary_share says for how many customers it answers, shadow that it"
    " is only compared. --none ends it.\n\nExample: retinue models challenge 3",
    "让某个版本与现用版本并行：[serve] canary_share 决定由它应答的客户比例，shadow 表示仅作对照；--none 结束并行。"
    "\n\n示例：retinue models challenge 3",
)
LEDGER_HELP = Text(
    "Print what served when, and check that nobody has changed it; exit status 1 if somebody has.\n\n"
    "Example: retinue models ledger",
    "输出服务记录，并检查是否被改动；若被改动则退出码为 1。\n\n示例：retinue models ledger",
)

VersionArgument = Annotated[
    str,
    typer.Argument(
        help=here(Text("Number of the version, see 'retinue models list'.", "版本号，见“retinue models list”。"))
    ),
]
ChallengerArgument = Annotated[
    str | None,
    typer.Argument(
        help=here(Text("Number of the version, see 'retinue models list'.", "版本号，见“retinue models list”。"))
    ),
]
NoneOption = Annotated[
    bool, typer.Option("--none", help=here(Text("Let none run beside the one that serves.", "不再有并行版本。")))
]
ForceOption = Annotated[
    bool,
    typer.Option(
        "--force",
        help=here(Text("Let it serve although it was refused; needs --reason.", "即使未获准也启用；需要 --reason。")),
    ),
]
ReasonOption = Annotated[
    str | None,
    typer.Option("--reason", help=here(Text("Why it is forced; the ledger keeps it.", "强制启用的原因，会记入台账。"))),
]


def list_versions(project: ProjectOption = Path(".")) -> None:
    """List all versions."""
    from training.ledger import ledger_file, read_ledger
    from training.versions import versions

    settings = _noticed(project)
    found = versions(settings)
    if not found:
        say(Text("No version yet. Run 'retinue train' first.", "还没有任何版本。请先运行“retinue train”。"))
        return
    served = _served(read_ledger(ledger_file(settings)), settings.timezone)
    table(
        LIST_COLUMNS,
        [
            (
                version.number,
                ", ".join(version.aliases) or "–",
                _day(version.as_of, settings.timezone),
                version.kind,
                *(_number(version.metric(name)) for name in KEY_METRICS),
                here(VERDICTS[version.leakage or "unjudged"]),
                here(VERDICTS[version.gate]),
                _day(version.registered_at, settings.timezone),
                served.get(version.number, "–"),
            )
            for version in found
        ],
        right=(0, 4, 5, 6),
    )


def show(version: VersionArgument, project: ProjectOption = Path(".")) -> None:
    """Show one version."""
    from training.versions import files_of_version, find_version, place_of_run, verdict_of

    settings = load_project(project)
    found = find_version(settings, version)
    say(_ABOUT.format(number=found.number, kind=_model_name(found.kind), as_of=_day(found.as_of, settings.timezone)))
    heading(Text("Metrics on the last cut-off", "最后一个截止时间的指标"))
    names = list(found.metrics.get(found.kind, {}))
    models = [found.kind, *(model for model in found.metrics if model != found.kind)]
    table(
        (Text("metric", "指标"), *(here(_model_name(model)) for model in models)),
        [(name, *(_number(found.metrics[model].get(name, float("nan"))) for model in models)) for name in names],
        right=range(1, len(models) + 1),
    )
    heading(Text("Verdicts", "审核结果"))
    say(_LEAKAGE.format(verdict=VERDICTS[found.leakage or "unjudged"]))
    say(_GATE.format(verdict=VERDICTS[found.gate]))
    if verdict := verdict_of(settings, found):
        for reason in verdict.reasons:
            say(f"• {here(reason)}")
    heading(Text("Parameters", "参数"))
    told = {**found.parameters, **{name: found.tags[name] for name in SHOWN_TAGS if name in found.tags}}
    rows = [(name, "–" if value == "None" else value) for name, value in sorted(told.items())]  # MLflow keeps texts
    table((Text("name", "名称"), Text("value", "值")), rows)
    heading(Text("Files", "文件"))
    say(
        Text("In {place}; the plots are in plots.", "位于 {place}；图表在 plots 中。").format(
            place=place_of_run(settings, found)
        )
    )
    files = sorted(files_of_version(settings, found).items())
    table((Text("file", "文件"), Text("bytes", "字节")), [(name, f"{size:,}") for name, size in files], right=(1,))


def compare(first: VersionArgument, second: VersionArgument, project: ProjectOption = Path(".")) -> None:
    """Compare two versions."""
    from training.comparison import compare as run_comparison

    settings = load_project(project)
    _print_comparison(run_comparison(settings, first, second), settings.timezone)


def promote(
    version: VersionArgument,
    force: ForceOption = False,
    reason: ReasonOption = None,
    project: ProjectOption = Path("."),
) -> None:
    """Let a version serve."""
    from training.registry import promote_version

    if force and not (reason or "").strip():
        raise ModelError(
            Text(
                "--force needs --reason TEXT: the ledger keeps who let a refused version serve, and why.",
                "--force 需要同时给出 --reason：台账会记录是谁、为何启用了未获准的版本。",
            )
        )
    settings = load_project(project)
    _say_promoted(promote_version(settings, version, signature(), reason if force else None))


def challenge(version: ChallengerArgument = None, none: NoneOption = False, project: ProjectOption = Path(".")) -> None:
    """Let a version run beside the one that serves, or none."""
    from training.registry import challenge_version, withdraw_challenger

    if (version is None) is not none:
        raise ModelError(
            Text(
                "Give the number of a version, or --none so that none runs beside the one that serves.",
                "请给出版本号，或用 --none 表示不再有并行版本。",
            )
        )
    settings = load_project(project)
    if version is None:
        say(_ALONE.format(previous=withdraw_challenger(settings, signature()).previous_version))
        return
    challenge_version(settings, version, signature())
    serve = settings.serve
    said = _CANARY if serve.canary_share else _SHADOW if serve.shadow else _IDLE
    say(said.format(version=version, share=serve.canary_share))


def rollback(project: ProjectOption = Path(".")) -> None:
    """Return to the version that served before."""
    from training.registry import roll_back

    _say_promoted(roll_back(load_project(project), signature()))


def ledger(project: ProjectOption = Path(".")) -> None:
    """Print the ledger and check it; leave with 1 if it was changed."""
    from serving.cli.ledger_words import told
    from training.ledger import ledger_file, read_ledger
    from training.registry import check_ledger

    settings = load_project(project)
    fault = check_ledger(settings)
    if fault is not None:
        say(
            Text("✗ The ledger is not as it was written: {fault}.", "✗ 台账与写入时不符：{fault}。").format(fault=fault)
        )
        raise typer.Exit(1)
    _noticed(project)
    entries = read_ledger(ledger_file(settings))
    table(
        (Text("no.", "序号"), Text("when", "时间"), Text("what", "内容"), Text("digest", "摘要")),
        [
            (
                str(e.number),
                _minute(e.record.at, settings.timezone),
                here(told(e.record, settings.timezone)),
                e.digest[:12],
            )
            for e in entries
        ],
        right=(0,),
    )
    say(_INTACT.format(n=len(entries)))


COMMANDS: tuple[tuple[str, Callable[..., None], Text], ...] = (
    ("list", list_versions, LIST_HELP),
    ("show", show, SHOW_HELP),
    ("compare", compare, COMPARE_HELP),
    ("promote", promote, PROMOTE_HELP),
    ("challenge", challenge, CHALLENGE_HELP),
    ("rollback", rollback, ROLLBACK_HELP),
    ("ledger", ledger, LEDGER_HELP),
)


def group() -> typer.Typer:
    """The commands as a group."""
    made = typer.Typer(no_args_is_help=True, add_completion=False)
    for name, function, text in COMMANDS:
        made.command(name, help=here(text))(function)
    return made


def _noticed(project: Path) -> Project:
    """The project, after the ledger was told of a version that serves without having been promoted there."""
    from training.registry import notice

    settings = load_project(project)
    notice(settings, signature())
    return settings


def _say_promoted(promotion: "Promotion") -> None:
    text = _REPLACES if promotion.previous_version else _SERVES
    say(text.format(version=promotion.version, previous=promotion.previous_version))


def _served(entries: "list[Entry]", zone: ZoneInfo) -> dict[str, str]:
    """When each version served last: from, and until where another one took its place."""
    from training.ledger import Promotion

    promotions = [e.record for e in entries if isinstance(e.record, Promotion)]
    ends = [*(p.at for p in promotions[1:]), None]
    return {
        promotion.version: here(
            (_SINCE if end is None else _UNTIL).format(start=_day(promotion.at, zone), end=_day(end, zone))
        )
        for promotion, end in zip(promotions, ends, strict=True)
    }


def _print_comparison(compared: "Compared", zone: ZoneInfo) -> None:
    first, second = compared.first, compared.second
    names = list(dict.fromkeys([*first.metrics.get(first.kind, {}), *second.metrics.get(second.kind, {})]))
    title = Text("version {number}", "版本 {number}")
    rows = [(here(Text("model", "模型")), here(_model_name(first.kind)), here(_model_name(second.kind)))]
    rows += [
        (here(Text("test cut-off", "测试截止时间")), _day(first.test_cutoff, zone), _day(second.test_cutoff, zone))
    ]
    rows += [(name, _number(first.metric(name)), _number(second.metric(name))) for name in names]
    heading(Text("Each on its own test cut-off", "各自在其测试截止时间上的表现"))
    table(("", *(here(title.format(number=v.number)) for v in (first, second))), rows, right=(1, 2))
    heading(Text("Features", "特征"))
    for version, only in ((first, compared.only_first), (second, compared.only_second)):
        if only:
            say(
                Text("Only version {number}: {names}", "仅版本 {number}：{names}").format(
                    number=version.number, names=", ".join(only)
                )
            )
    if not (compared.only_first or compared.only_second):
        say(Text("Both learn from the same features.", "两者使用相同的特征。"))
    heading(Text("On the same customers", "在相同客户上"))
    say(_UNPAIRED if compared.paired is None else _paired(compared.paired, first.number, second.number))


def _paired(paired: "Paired", first: str, second: str) -> Text:
    return Text(
        "{rows:,} rows of one cut-off: version {second} against version {first}: AUC {auc:+.4f} ± {auc_error:.4f}, log-loss"
        " lower by {loss:+.4f} ± {loss_error:.4f} nats a customer (standard errors of the paired differences).",
        "同一截止时间的 {rows:,} 行：版本 {second} 相对版本 {first}：AUC {auc:+.4f} ± {auc_error:.4f}，"
        "每位客户的对数损失降低 {loss:+.4f} ± {loss_error:.4f} 奈特（配对差值的标准误）。",
    ).format(
        rows=paired.rows,
        first=first,
        second=second,
        auc=paired.auc_gain,
        auc_error=paired.auc_error,
        loss=paired.log_loss_gain,
        loss_error=paired.log_loss_error,
    )


def _model_name(kind: str) -> Text:
    return MODEL_NAMES.get(kind, Text(kind or "–", kind or "–"))


def _number(value: float) -> str:
    return "–" if isnan(value) else f"{value:,.0f}" if value == round(value) and abs(value) > 1 else f"{value:.4f}"


def _day(instant: datetime | None, zone: ZoneInfo) -> str:
    return f"{instant.astimezone(zone):%Y-%m-%d}" if instant else "–"


def _minute(instant: datetime, zone: ZoneInfo) -> str:
    return f"{instant.astimezone(zone):%Y-%m-%d %H:%M}"


KEY_METRICS = ("auc", "calibration_error", "log_loss")
SHOWN_TAGS = ("catalogue_hash", "code_version")
LIST_COLUMNS = (
    Text("version", "版本"),
    Text("alias", "别名"),
    Text("as of", "时点"),
    Text("model", "模型"),
    Text("AUC", "AUC"),
    Text("calib. error", "校准误差"),
    Text("log-loss", "对数损失"),
    Text("leakage", "泄漏检查"),
    Text("gate", "准入"),
    Text("registered", "登记时间"),
    Text("served", "服务时间"),
)
_SINCE = Text("since {start}", "自 {start} 起")
_UNTIL = Text("{start} – {end}", "{start} – {end}")
_ABOUT = Text(
    "Version {number}: {kind}, knows facts before {as_of}.", "版本 {number}：{kind}，使用 {as_of} 之前的数据。"
)
_LEAKAGE = Text("Leakage certificate: {verdict}.", "泄漏证书：{verdict}。")
_GATE = Text("Gate: {verdict}.", "准入：{verdict}。")
_SERVES = Text("Version {version} serves from now on.", "版本 {version} 现已启用。")
_REPLACES = Text(
    "Version {version} serves from now on in the place of version {previous}; 'retinue models rollback' undoes it."
    " 'retinue score' makes its scores.",
    "版本 {version} 现已启用，取代版本 {previous}；可用“retinue models rollback”撤销。请用“retinue score”重新评分。",
)
_CANARY = Text(
    "Version {version} is the challenger: a running service answers {share:.0%} of the customers by it within seconds.",
    "版本 {version} 成为挑战版本：运行中的服务将在数秒内由它应答 {share:.0%} 的客户。",
)
_SHADOW = Text(
    "Version {version} is the challenger: a running service compares it with the one that serves; nobody is answered by it.",
    "版本 {version} 成为挑战版本：运行中的服务会将其与现用版本对照，不用它应答客户。",
)
_IDLE = Text(
    "Version {version} is the challenger. A service uses it once [serve] canary_share or shadow is set in the project file.",
    "版本 {version} 成为挑战版本。在项目文件中设置 [serve] canary_share 或 shadow 后，服务才会使用它。",
)
_ALONE = Text(
    "Version {previous} is the challenger no more; nothing runs beside the one that serves.",
    "版本 {previous} 不再是挑战版本；现用版本没有并行版本。",
)
_INTACT = Text(
    "✓ {n:,} entries; the chain of digests is unbroken.",
    "✓ 共 {n:,} 条记录；摘要链完整。",
)
_UNPAIRED = Text(
    "No paired difference: the two were not judged on the same cut-off, or did not keep the rows.",
    "没有配对差值：两者不是在同一截止时间评估的，或未保留评估行。",
)
