"""A certificate for readers: a sentence, rows for a table, and a page of Markdown, in either language."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from features.leakage.certificate import CHECKS, UNITS, Certificate, Finding, Severity
from features.text import Language, Text

MOST_ROWS = 60

SEVERITIES: dict[Severity, Text] = {
    "failed": Text("failed", "不合格"),
    "warning": Text("warning", "警告"),
    "passed": Text("passed", "合格"),
}
COLUMNS: dict[str, Text] = {
    "severity": Text("result", "结果"),
    "check": Text("check", "检查"),
    "subject": Text("feature or table", "特征或表"),
    "cutoff": Text("cut-off", "截止时间"),
    "count": Text("how many", "数量"),
    "what": Text("what was found", "发现"),
    "next_step": Text("what to do", "下一步"),
}
ALL = Text("all", "全部")
LIMITS = Text("What this does not prove", "不能证明什么")
FOUND = Text("What was found", "发现的问题")
SOUND = Text("What is in order", "正常的项目")


def verdict(certificate: Certificate) -> Text:
    """PASS or FAIL with the number of failures and warnings, in a sentence."""
    failed, warnings = len(certificate.of("failed")), len(certificate.of("warning"))
    said = (
        Text("PASS: no leak was found (warnings: {warnings}).", "通过：未发现泄漏（警告：{warnings} 项）。")
        if certificate.passed
        else Text("FAIL: {failed} (warnings: {warnings}).", "未通过：{failed} 项不合格（警告：{warnings} 项）。")
    )
    return said.format(failed=failed, warnings=warnings)


def what_was_checked(certificate: Certificate) -> Text:
    """Features, cut-offs, customers, facts and catalogue, in a sentence."""
    checked = certificate.checked
    tables = ", ".join(f"{table} {rows:,}" for table, rows in checked.facts.items())
    if not checked.cutoffs:
        return Text(
            "As of {as_of:%Y-%m-%d}: {features} features by themselves, without cut-offs, {comparisons:,} comparisons; on"
            " {customers:,} of {of_customers:,} customers with their facts ({tables}). Catalogue {catalogue}.",
            "时点 {as_of:%Y-%m-%d}：逐一检查 {features} 个特征，不涉及截止时间，共 {comparisons:,} 次比较；"
            "{of_customers:,} 位客户中的 {customers:,} 位及其事实（{tables}）。特征目录 {catalogue}。",
        ).format(
            as_of=certificate.as_of,
            features=len(checked.features),
            comparisons=checked.comparisons,
            customers=checked.customers,
            of_customers=checked.of_customers,
            tables=tables,
            catalogue=certificate.catalogue_hash,
        )
    return Text(
        "As of {as_of:%Y-%m-%d}: {features} features at {cutoffs} cut-offs ({first} to {last}; probes on the very"
        " instant of a fact: {probes}), {comparisons:,} comparisons; on {customers:,} of {of_customers:,} customers with their"
        " facts ({tables}). Catalogue {catalogue}.",
        "时点 {as_of:%Y-%m-%d}：{features} 个特征，{cutoffs} 个截止时间（{first} 至 {last}；另有 {probes} 个恰有事实发生的时刻），"
        "共 {comparisons:,} 次比较；{of_customers:,} 位客户中的 {customers:,} 位及其事实（{tables}）。特征目录 {catalogue}。",
    ).format(
        as_of=certificate.as_of,
        features=len(checked.features),
        cutoffs=len(checked.cutoffs),
        first=day(min(checked.cutoffs, default=None)),
        last=day(max(checked.cutoffs, default=None)),
        probes=len(checked.probes),
        comparisons=checked.comparisons,
        customers=checked.customers,
        of_customers=checked.of_customers,
        tables=tables,
        catalogue=certificate.catalogue_hash,
    )


def day(instant: datetime | None) -> str:
    """A cut-off as people write it: the day, with the time where it is not midnight."""
    if instant is None:
        return "–"
    return f"{instant:%Y-%m-%d}" if f"{instant:%H%M%S}" == "000000" else f"{instant:%Y-%m-%d %H:%M:%S}"


def row(finding: Finding, language: Language) -> dict[str, str]:
    """One finding as texts by the names of ``COLUMNS``."""
    return {
        "severity": SEVERITIES[finding.severity].of(language),
        "check": CHECKS[finding.check].of(language),
        "subject": finding.subject or ALL.of(language),
        "cutoff": day(finding.cutoff),
        "count": f"{finding.count:,} {UNITS[finding.unit].of(language)}",
        "what": finding.what.of(language),
        "next_step": finding.next_step.of(language) if finding.next_step else "",
    }


def by_subject(findings: Sequence[Finding]) -> list[tuple[Finding, int]]:
    """The first finding of each feature or table and severity, and how many more there are of it."""
    groups: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((finding.severity, finding.subject), []).append(finding)
    return [(group[0], len(group) - 1) for group in groups.values()]


def sound(certificate: Certificate) -> list[tuple[Text, int, Text]]:
    """Each check that has something in order: its name, in how many cases, and one of them in words."""
    passed = certificate.of("passed")
    checks = dict.fromkeys(f.check for f in passed)
    cases = {check: [f for f in passed if f.check == check] for check in checks}
    return [(CHECKS[check], len(of_check), of_check[0].what) for check, of_check in cases.items()]


def markdown(certificate: Certificate, language: Language) -> str:
    """The whole certificate as a page."""
    return "\n".join(_lines(certificate, language)) + "\n"


def _lines(certificate: Certificate, language: Language) -> Iterator[str]:
    yield f"# {Text('Leakage certificate', '泄漏证书').of(language)}"
    yield f"\n**{verdict(certificate).of(language)}**"
    yield f"\n{what_was_checked(certificate).of(language)}"
    found = [*certificate.of("failed"), *certificate.of("warning")]
    if found:
        yield f"\n## {FOUND.of(language)}\n"
        yield _table_line([title.of(language) for title in COLUMNS.values()])
        yield _table_line(["---"] * len(COLUMNS))
        yield from (_table_line(list(row(f, language).values())) for f in found[:MOST_ROWS])
    if len(found) > MOST_ROWS:
        more = Text("{n} more are in leakage.json.", "另有 {n} 项见 leakage.json。").format(n=len(found) - MOST_ROWS)
        yield f"\n{more.of(language)}"
    yield f"\n## {SOUND.of(language)}\n"
    for name, cases, example in sound(certificate):
        yield f"- {name.of(language)} ({cases}): {example.of(language)}"
    if certificate.limits:
        yield f"\n## {LIMITS.of(language)}\n"
        yield from (f"- {limit.of(language)}" for limit in certificate.limits)


def _table_line(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
