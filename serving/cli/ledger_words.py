"""What an entry of the ledger says, in words."""

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from features.text import Text

if TYPE_CHECKING:  # the database's library loads slowly; --help must not wait for it
    from training.ledger import Record


def told(record: "Record", zone: ZoneInfo) -> Text:
    """One entry as a sentence; days are those of ``zone``."""
    from training.ledger import Challenge, Promotion, Scoring, Service

    if isinstance(record, Promotion):
        return _PROMOTED.format(
            version=record.version,
            how=_HOW[record.how],
            by=record.by,
            verdict=VERDICTS[record.verdict],
            reason=record.reason,
        )
    if isinstance(record, Scoring):
        return _SCORED.format(
            run=record.run_id,
            as_of=f"{record.as_of.astimezone(zone):%Y-%m-%d}",
            rows=record.rows,
            version=record.version,
            segments=record.segments_version,
        )
    if isinstance(record, Service):
        said = _REFUSED if record.refused else _IN_SERVICE[record.role]
        return said.format(
            version=record.version, server=record.server, share=record.canary_share, why=record.refused or ""
        )
    if isinstance(record, Challenge):
        said = _CHALLENGES if record.version else _WITHDRAWN
        return said.format(version=record.version, previous=record.previous_version, by=record.by)
    return _SHADOWED.format(**vars(record))


VERDICTS = {
    "passed": Text("passed", "通过"),
    "failed": Text("failed", "不合格"),
    "refused": Text("refused", "未获准"),
    "unjudged": Text("not judged", "未评审"),
}
_HOW = {
    "trained": Text("after its training", "训练后启用"),
    "by hand": Text("by hand", "人工启用"),
    "forced": Text("forced", "强制启用"),
    "rolled back": Text("rolled back", "回退"),
    "noticed": Text("noticed afterwards", "事后发现"),
}
_PROMOTED = Text(
    "version {version} serves ({how}, by {by}; gate: {verdict}). {reason}",
    "版本 {version} 投入服务（{how}，操作者 {by}；准入：{verdict}）。{reason}",
)
_SCORED = Text(
    "run {run} published: {rows:,} customers as of {as_of}, model version {version}, segments version {segments}",
    "发布批次 {run}：{rows:,} 位客户，时点 {as_of}，模型版本 {version}，细分版本 {segments}",
)
_IN_SERVICE = {
    "champion": Text(
        "version {version} answers requests for scores (server {server})",
        "版本 {version} 开始应答评分请求（服务 {server}）",
    ),
    "challenger": Text(
        "version {version} runs beside the champion, and answers for {share:.0%} of the customers (server {server})",
        "版本 {version} 与现用版本并行，并应答 {share:.0%} 的客户（服务 {server}）",
    ),
}
_REFUSED = Text(
    "version {version} was not taken into service (server {server}). {why}",
    "版本 {version} 未能投入服务（服务 {server}）。{why}",
)
_SHADOWED = Text(
    "version {version} beside version {champion_version} on {rows:,} requests: differs by {mean_difference:+.4f} on average,"
    " {mean_absolute_difference:.4f} either way, {largest_difference:.4f} at most",
    "版本 {version} 与版本 {champion_version} 对照 {rows:,} 次请求：平均差 {mean_difference:+.4f}，"
    "平均绝对差 {mean_absolute_difference:.4f}，最大差 {largest_difference:.4f}",
)
_CHALLENGES = Text("version {version} is the challenger (by {by})", "版本 {version} 成为挑战版本（操作者 {by}）")
_WITHDRAWN = Text(
    "version {previous} is the challenger no more (by {by})", "版本 {previous} 不再是挑战版本（操作者 {by}）"
)
