"""Where a project's store lies: a file in its workspace, or a PostgreSQL database that the project file or the environment names."""

import os
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from features.errors import ProjectError
from features.project import Project
from features.text import Text

STORE_FILE = "store.db"
"""The store's name inside a project's workspace."""

STORE_URL = "RETINUE_STORE_URL"
"""The environment variable that names the store; it goes before the project file, and is the place for a password."""

Place = Path | URL
"""A SQLite file, or the address of a PostgreSQL database."""

_SCHEMES = ("postgresql", "postgres", "postgresql+psycopg")


def store_place(project: Project) -> Place:
    """Where the store of a project lies: ``RETINUE_STORE_URL``, else ``[store] url``, else a file in the workspace.

    Raises ProjectError: the address is no PostgreSQL address.
    """
    if url := os.environ.get(STORE_URL):
        return _postgresql(STORE_URL, url)
    if project.store.url:
        return _postgresql("[store] url", project.store.url)
    return project.workspace / STORE_FILE


def shown(place: Place) -> str:
    """A place as people may see it: without its password, nor anything else that could hold one."""
    if isinstance(place, Path):
        return str(place)
    return URL.create("postgresql", place.username, None, place.host, place.port, place.database).render_as_string()


def _postgresql(where: str, url: str) -> URL:
    try:
        read = make_url(url)
    except (ArgumentError, ValueError):
        raise _not_an_address(where) from None
    if read.drivername not in _SCHEMES:
        raise _not_an_address(where)
    return read.set(drivername="postgresql+psycopg")


def _not_an_address(where: str) -> ProjectError:
    return ProjectError(
        Text(
            "{where}: expected the address of a PostgreSQL database, such as postgresql://retinue@db.example/retinue; what was"
            " got is not shown, since it may hold a password. Without it the store is a file in the project's folder.",
            "{where}：应为 PostgreSQL 数据库地址，例如 postgresql://retinue@db.example/retinue；原值可能含有密码，故不显示。"
            "不设置时，存储为项目文件夹中的文件。",
        ),
        where=where,
    )
