"""The console script: finds the files of commands, runs one, turns failures into messages and exit codes."""

import importlib
import pkgutil
import sys
from typing import Any

import typer
from typer.core import TyperGroup

from millrace.stack.errors import StackError

from . import commands
from .failure import Failure
from .output import errors, printed


class Commands(TyperGroup):
    """Commands whose options are refused in our words: typer has pydantic read them."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except typer.BadParameter as wrong:
            from pydantic import ValidationError

            from millrace.workspace.expected import expected

            if isinstance(wrong.__cause__, ValidationError):
                wrong.message = expected(wrong.__cause__.errors()[0])
            if errors.is_terminal:
                raise
            wrong.show()  # without the frame, which would fold what is wrong
            raise typer.Exit(wrong.exit_code) from wrong


def build() -> typer.Typer:
    """Return the command with every file of commands/ in it; a file's `commands` may be named to become a group."""
    app = typer.Typer(
        name="millrace",
        cls=Commands,
        help="Events in, models that stay good out.",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
    )
    for found in sorted(pkgutil.iter_modules(commands.__path__), key=lambda module: module.name):
        app.add_typer(importlib.import_module(f"{commands.__name__}.{found.name}").commands)
    return app


def main() -> None:
    """Run `millrace`."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code."""
    try:
        build()(arguments)
    except SystemExit as end:  # typer ends every command so, with 2 for wrong usage
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except Failure as failure:
        return _report(failure, "--json" in arguments)
    except StackError as error:
        return _report(Failure(str(error), kind=type(error).__name__), "--json" in arguments)
    return 0


def _report(failure: Failure, as_json: bool) -> int:
    if as_json:
        printed({"error": {"code": failure.kind, "message": failure.message, "hint": failure.hint}})
    else:
        errors.print("[bold red]error[/]", end=" ")
        whole = not errors.is_terminal
        errors.print(failure.message, markup=False, soft_wrap=whole)
        if failure.hint:
            errors.print(failure.hint, style="dim", markup=False, soft_wrap=whole)
    return failure.code
