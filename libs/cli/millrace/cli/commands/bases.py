"""millrace bases list, fetch"""

from typing import Annotated, Any

import typer

from millrace.cli import Failure, Json, console, printed, show, table

commands = typer.Typer(name="bases", help="Base models that training may start from.", no_args_is_help=True)


@commands.command("list")
def each(as_json: Json = False) -> None:
    """List the base models and where their files are."""
    rows = [_row(name) for name in _bases().listed()]
    columns = ("name", "parameters", "licence", "where")
    show(rows, as_json, lambda: table(columns, [tuple(_cell(row, column) for column in columns) for row in rows]))


@commands.command()
def fetch(name: Annotated[str, typer.Argument(help="A base as `list` names it.")], as_json: Json = False) -> None:
    """Bring a base into the cache folder, unless it is here; HF_HUB_OFFLINE is honoured."""
    from millrace.learn.errors import BaseMissing, UnknownBase

    try:
        folder = _bases().fetch(name)
    except (UnknownBase, BaseMissing) as error:
        raise Failure(str(error), kind=type(error).__name__) from error
    except OSError as error:
        raise Failure(f"{name} could not be fetched: {error}", kind="unavailable") from error
    if as_json:
        printed({"name": name, "folder": str(folder)})
    else:
        console.print(f"{name} is in {folder}")


def _row(name: str) -> dict[str, Any]:
    from millrace.learn.errors import BaseMissing

    bases = _bases()
    base = bases.named(name)
    try:
        where: str | None = str(bases.find(name))
    except BaseMissing:
        where = None
    known = {"name": name, "source": base.source, "licence": base.licence, "parameters": base.parameters}
    return {**known, "folder": where}


def _cell(row: dict[str, Any], column: str) -> str:
    if column == "where":
        return row["folder"] or f"missing: millrace bases fetch {row['name']}"
    if column == "parameters":
        return f"{row[column] / 1e6:.0f} M"
    return str(row[column])


def _bases() -> Any:
    try:
        from millrace.learn import bases
    except ImportError as error:
        raise Failure("base models need millrace-learn", hint="pip install millrace-learn") from error
    return bases
