"""``retinue backup`` and ``retinue restore``: the store and the log of events as one file, and back."""

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from features.event_log import EVENTS_FILE
from features.project import load_project
from features.text import Text
from serving.cli.output import ProjectOption, QuietOption, here, progress_bar, say

BACKUP_HELP = Text(
    "Write the store into one file, whole and of one moment, while serving goes on: published scores, plans, logs of actions"
    " and outcomes, what was learnt of them, warnings with their history; and the log of events. Models, their records in"
    " MLflow and your own files are not in it: keep the folder .retinue as well.\n\n"
    "Example: retinue backup backups/monday.db --project shop",
    "将存储完整地写入一个文件（同一时刻的状态），期间服务不中断：已发布的评分、计划、行动与结果日志、由此学到的内容、预警及其历史，"
    "以及事件日志。不含模型、MLflow 记录和您自己的文件：请另行保存 .retinue 文件夹。\n\n"
    "示例：retinue backup backups/monday.db --project shop",
)
RESTORE_HELP = Text(
    "Put what a backup holds in the place of everything in the store, at once or not at all; a service that runs goes on with"
    " it. A backup of SQLite can be restored into PostgreSQL and the other way round. What was stored since the backup is"
    " lost: make another backup first if it may be needed. The log of events loses nothing: it gets the events of the backup"
    " that it has not.\n\n"
    "Example: retinue restore backups/monday.db --project shop",
    "用备份内容替换存储中的全部内容（要么全部完成，要么不作更改）；运行中的服务随即使用新内容。SQLite 的备份可恢复到 PostgreSQL，"
    "反之亦可。备份之后存入的内容将丢失：如仍需要，请先再做一份备份。事件日志不会丢失内容，只补入其缺少的事件。\n\n"
    "示例：retinue restore backups/monday.db --project shop",
)

TargetArgument = Annotated[
    Path,
    typer.Argument(help=here(Text("File to write; one that is there is replaced.", "要写入的文件；已存在则替换。"))),
]
SourceArgument = Annotated[
    Path, typer.Argument(help=here(Text("File that 'retinue backup' wrote.", "“retinue backup”写入的文件。")))
]
YesOption = Annotated[bool, typer.Option("--yes", help=here(Text("Do not ask.", "不再询问。")))]


def backup(file: TargetArgument, project: ProjectOption = Path("."), quiet: QuietOption = False) -> None:
    """Write the store and the log of events into one file."""
    from serving.store import open_project_store
    from serving.store.copying import back_up, told

    settings = load_project(project)
    with closing(open_project_store(settings)) as store, progress_bar(quiet) as progress:
        content = back_up(store, file, progress, settings.workspace / EVENTS_FILE)
    say(Text("Written to {file}: {content}.", "已写入 {file}：{content}。").format(file=file, content=told(content)))


def restore(
    file: SourceArgument, project: ProjectOption = Path("."), yes: YesOption = False, quiet: QuietOption = False
) -> None:
    """Put what a backup holds in the place of everything in the store."""
    from serving.store import open_project_store, reading
    from serving.store.copying import backed_up, content_of, opened_backup, place_of, told
    from serving.store.copying import restore as put_back

    settings = load_project(project)
    with closing(open_project_store(settings)) as store:
        if not yes:
            with opened_backup(file) as source, reading(store) as connection:
                new, old = backed_up(source, file), content_of(connection)
            typer.confirm(here(_ASK.format(place=place_of(store), old=told(old), new=told(new), file=file)), abort=True)
        with progress_bar(quiet) as progress:
            content = put_back(store, file, progress, settings.workspace / EVENTS_FILE)
        said = _DONE.format(file=file, place=place_of(store), content=told(content))
    say(said)


COMMANDS = (("backup", backup, BACKUP_HELP), ("restore", restore, RESTORE_HELP))

_ASK = Text(
    "The store {place} holds {old}.\nThe backup {file} holds {new}.\nReplace the store by the backup?",
    "存储 {place} 中有 {old}。\n备份 {file} 中有 {new}。\n用备份替换存储吗？",
)
_DONE = Text(
    "Restored from {file} into {place}: {content}.",
    "已从 {file} 恢复到 {place}：{content}。",
)
