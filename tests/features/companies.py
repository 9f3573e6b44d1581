"""Small hand-written companies in a folder."""

from pathlib import Path

from features.project import Project, load_project

HEAD = '[project]\nname = "Acme"\ncurrency = "EUR"\ntimezone = "{timezone}"\n'
ORDERS = 'customer_id = "customer", ordered_at = "day", amount = "amount"'


def table(source: str, columns: str, name: str = "orders") -> str:
    """One table of a project file; ``source`` are its lines besides the columns."""
    return f"[tables.{name}]\n{source}\ncolumns = {{ {columns} }}\n"


def project(folder: Path, *tables: str, timezone: str = "UTC", more: str = "") -> Project:
    """Write a project file and load it."""
    text = HEAD.format(timezone=timezone) + "\n".join(tables) + more
    (folder / "retinue.toml").write_text(text, encoding="utf-8")
    return load_project(folder)


def orders_csv(folder: Path, text: str, source: str = "", columns: str = ORDERS, timezone: str = "UTC") -> Project:
    """A company whose only file is orders.csv."""
    (folder / "orders.csv").write_bytes(text.encode())
    return project(folder, table(f'path = "orders.csv"\n{source}', columns), timezone=timezone)
