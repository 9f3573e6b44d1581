"""``retinue keys``: make, list, rotate and revoke the keys that open the service."""

from contextlib import closing
from datetime import UTC, datetime, tzinfo
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from features.project import load_project
from features.text import Text
from serving.cli.output import ProjectOption, QuietOption, here, say, signature, table

NAME = "keys"
DAYS = 365


class ScopeName(StrEnum):
    """What a key may do; the command line takes no list of anything but texts and these."""

    read = "read"
    score = "score"
    write = "write"
    admin = "admin"


HELP = Text(
    "Access keys of the service: create, list, rotate, revoke. Once there is one, every request needs one.\n\n"
    "Example: retinue keys create --name crm",
    "服务的访问密钥：创建、列出、轮换、吊销。一旦有密钥，所有请求都需要密钥。\n\n示例：retinue keys create --name crm",
)
CREATE_HELP = Text(
    "Make a key and show it once; the service keeps only a hash of it.\n\n"
    'Example: retinue keys create --name crm --scope read --scope write --account-manager "M. Okafor"',
    "创建密钥，仅显示一次；服务只保存其哈希值。\n\n"
    '示例：retinue keys create --name crm --scope read --scope write --account-manager "M. Okafor"',
)
LIST_HELP = Text(
    "List the keys, without their secrets.\n\nExample: retinue keys list",
    "列出密钥（不含密文）。\n\n示例：retinue keys list",
)
ROTATE_HELP = Text(
    "Make a key of the same rights in place of an old one, which stays good for another 24 hours.\n\n"
    "Example: retinue keys rotate 0a1b2c3d4e5f",
    "创建一个权限相同的新密钥来替换旧密钥；旧密钥在 24 小时内仍然有效。\n\n示例：retinue keys rotate 0a1b2c3d4e5f",
)
REVOKE_HELP = Text(
    "A key opens nothing any more; a running service takes note within two seconds.\n\n"
    "Example: retinue keys revoke 0a1b2c3d4e5f",
    "吊销密钥；运行中的服务会在两秒内生效。\n\n示例：retinue keys revoke 0a1b2c3d4e5f",
)

KeyArgument = Annotated[
    str, typer.Argument(help=here(Text("Id of the key, see 'retinue keys list'.", "密钥编号，见“retinue keys list”。")))
]


def create(
    name: Annotated[str, typer.Option("--name", help=here(Text("Who or what uses it.", "使用者或用途。")))],
    scope: Annotated[
        list[ScopeName],
        typer.Option(
            "--scope",
            help=here(
                Text(
                    "What it may do: read; score; write (log, work on warnings); admin (everything). May be given more than once.",
                    "权限范围：read（读取）、score（评分）、write（记录、处理预警）、admin（全部）。可重复给出。",
                )
            ),
        ),
    ] = [ScopeName.read],  # noqa: B006 - typer reads it and never changes it
    expires_in_days: Annotated[
        int,
        typer.Option("--expires-in-days", min=1, max=3650, help=here(Text("Days that it is good for.", "有效天数。"))),
    ] = DAYS,
    account_manager: Annotated[
        str | None,
        typer.Option(
            "--account-manager",
            help=here(Text("Sees the customers of this account manager alone.", "只能查看该客户经理的客户。")),
        ),
    ] = None,
    project: ProjectOption = Path("."),
    quiet: QuietOption = False,
) -> None:
    """Make a key."""
    from serving.security.administration import create_key
    from serving.store import open_project_store

    with closing(open_project_store(load_project(project))) as store:
        made = create_key(store, signature(), name, [one.value for one in scope], expires_in_days, account_manager)
    _show_once(made.text, made.stored.expires_at, quiet)


def list_(project: ProjectOption = Path(".")) -> None:
    """List keys."""
    from serving.store import open_project_store, reading
    from serving.store.keys import all_keys

    settings = load_project(project)
    with closing(open_project_store(settings)) as store, reading(store) as connection:
        keys = all_keys(connection)
    if not keys:
        say(
            Text(
                "There are no keys: whoever is on this machine can ask the service.",
                "尚无密钥：本机上的任何人都可访问服务。",
            )
        )
        return
    now = datetime.now(UTC)
    states = {
        "live": Text("live", "有效"),
        "revoked": Text("revoked", "已吊销"),
        "expired": Text("expired", "已过期"),
    }
    table(
        (
            *(Text("id", "编号"), Text("name", "名称"), Text("may", "权限"), Text("account manager", "客户经理")),
            *(Text("state", "状态"), Text("expires", "到期"), Text("last used", "最近使用")),
        ),
        [
            (
                *(key.key_id, key.name, ", ".join(sorted(key.scopes)), key.account_manager or "–"),
                here(states["live" if key.is_live(now) else "revoked" if key.revoked_at else "expired"]),
                _day(key.expires_at, settings.timezone),
                _day(key.last_used_at, settings.timezone),
            )
            for key in keys
        ],
    )


def rotate(key: KeyArgument, project: ProjectOption = Path("."), quiet: QuietOption = False) -> None:
    """Make a key in place of another."""
    from serving.security.administration import rotate_key
    from serving.store import open_project_store

    settings = load_project(project)
    with closing(open_project_store(settings)) as store:
        made, until = rotate_key(store, signature(), key)
    _show_once(made.text, made.stored.expires_at, quiet)
    if not quiet:
        say(
            Text(
                "The old key {key} stays good until {until:%Y-%m-%d %H:%M}.",
                "旧密钥 {key} 的有效期至 {until:%Y-%m-%d %H:%M}。",
            ).format(key=key, until=until.astimezone(settings.timezone))
        )


def revoke(key: KeyArgument, project: ProjectOption = Path(".")) -> None:
    """Take a key back."""
    from serving.security.administration import revoke_one
    from serving.store import open_project_store

    with closing(open_project_store(load_project(project))) as store:
        revoke_one(store, signature(), key)
    say(Text("The key {key} opens nothing any more.", "密钥 {key} 已吊销。").format(key=key))


def group() -> typer.Typer:
    """The commands of ``retinue keys``."""
    commands = typer.Typer(no_args_is_help=True, add_completion=False)
    for name, function, text in (
        ("create", create, CREATE_HELP),
        ("list", list_, LIST_HELP),
        ("rotate", rotate, ROTATE_HELP),
        ("revoke", revoke, REVOKE_HELP),
    ):
        commands.command(name, help=here(text))(function)
    return commands


def _show_once(text: str, expires_at: datetime, quiet: bool) -> None:
    """Print the key alone on a line, so that a script can take it; the rest goes to people."""
    if not quiet:
        say(
            Text(
                "Keep this key now, it is not shown again. It is good until {until:%Y-%m-%d}:",
                "请立即保存此密钥，之后不再显示。有效期至 {until:%Y-%m-%d}：",
            ).format(until=expires_at)
        )
    typer.echo(text)


def _day(instant: datetime | None, zone: tzinfo) -> str:
    return f"{instant.astimezone(zone):%Y-%m-%d}" if instant else "–"
