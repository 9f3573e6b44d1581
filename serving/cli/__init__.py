"""The command ``retinue``: each command reads its arguments, calls one function of the library, and prints."""

import os
import sys
from collections.abc import Callable
from types import ModuleType

import typer
from rich.console import Console
from rich.markup import escape

from features.errors import RetinueError
from features.text import Text

SUMMARY = Text(
    "Retinue: who is leaving, who matters, who pays, and what to do about it today.\n\n"
    "Start with: retinue demo, or with your own data: retinue init DIR",
    "Retinue：谁要离开、谁重要、谁付款，以及今天该做什么。\n\n从 retinue demo 开始，或用您自己的数据：retinue init DIR",
)


def app() -> typer.Typer:
    """The command-line application, in the language of the environment."""
    from serving.cli import (
        alerts,
        backup,
        demo,
        events,
        experiments,
        explain,
        facts,
        features,
        keys,
        leakage,
        models,
        plan,
        receivables,
        scoring,
        segments,
        serve,
        simulate,
        training,
        value,
    )
    from serving.cli.output import here

    application = typer.Typer(
        help=here(SUMMARY), no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
    )
    modules: tuple[ModuleType, ...] = (
        facts,
        features,
        leakage,
        training,
        scoring,
        value,
        segments,
        receivables,
        plan,
        explain,
        serve,
        backup,
        demo,
        simulate,
    )
    for module in modules:
        commands: tuple[tuple[str, Callable[..., None], Text], ...] = module.COMMANDS
        for name, function, text in commands:
            application.command(name, help=here(text))(function)
    application.add_typer(alerts.group(), name=alerts.NAME, help=here(alerts.HELP))
    application.add_typer(models.group(), name=models.NAME, help=here(models.HELP))
    application.add_typer(experiments.group(), name=experiments.NAME, help=here(experiments.HELP))
    application.add_typer(keys.group(), name=keys.NAME, help=here(keys.HELP))
    application.add_typer(events.group(), name=events.NAME, help=here(events.HELP))
    return application


def main() -> None:
    """Run the command; an error for the user's eyes is printed without a traceback and gives exit code 2."""
    # Set before the libraries start their threads: waiting threads that spin make training many times slower on a
    # machine that does other work as well.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # matrices here are small: its threads would wait for each other
    from serving.cli.output import here

    try:
        app()()
    except RetinueError as error:
        Console(stderr=True, highlight=False).print(
            f"[bold red]✗[/bold red] {escape(here(error.text))}", soft_wrap=True
        )
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
