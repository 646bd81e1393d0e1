"""millrace lineage"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text
from rich.tree import Tree

from millrace.cli import Data, Failure, Json, Target, show
from millrace.cli.options import named
from millrace.cli.output import printed
from millrace.cli.person import counted, scores

if TYPE_CHECKING:
    import httpx

commands = typer.Typer()

Version = Annotated[str | None, typer.Argument(help="Where it comes from; without one, say what of.")]
Out = Annotated[Path | None, typer.Option(help="Write it as a page with a picture, NAME.html.", dir_okay=False)]


@commands.command()
def lineage(
    workspace: str,
    data: Data,
    version: Version = None,
    document: Annotated[str | None, typer.Option(help="Versions that learned from a document.")] = None,
    dataset: Annotated[str | None, typer.Option(help="Versions made from a version of the data: parcels@3.")] = None,
    run: Annotated[str | None, typer.Option(help="The version that a run became, by its id or its first 8.")] = None,
    base: Annotated[str | None, typer.Option(help="Versions of a base model.")] = None,
    documents: Annotated[int, typer.Option(min=0, max=10_000, help="How many documents to name.")] = 0,
    openlineage: Annotated[bool, typer.Option("--openlineage", help="Print OpenLineage run events.")] = False,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Show where a version comes from, or which versions came of a document, a dataset, a run or a base."""
    named(out, ".html")
    given = [one for one in (version, document, dataset, run, base) if one is not None]
    if len(given) != 1 or (version is None and (openlineage or documents)):
        raise Failure("name a version, or one of --document, --dataset, --run, --base", kind="unclear")
    target = Target(data)
    with target.http("registry") as registry:
        if version is None:
            asked = _asked(target, workspace, document, dataset) | {"run": run, "base": base}
            asked = {name: value for name, value in asked.items() if value}
            _onwards(registry, f"/v1/workspaces/{workspace}/lineage", asked, out, as_json)
        else:
            path = f"/v1/workspaces/{workspace}/lineage/{version}"
            if openlineage:
                printed(registry.get(f"{path}/openlineage").json())
            else:
                _back(target, registry, path, documents, out, as_json)


def _asked(target: Target, workspace: str, document: str | None, dataset: str | None) -> dict[str, Any]:
    """What registry is asked for; datasets knows the digests."""
    if document is None and dataset is None:
        return {}
    with target.http("datasets", timeout=600.0) as datasets:
        if dataset is not None:
            return {"dataset": [datasets.get(f"/v1/datasets/{dataset}").json()["dataset"]]}
        found = datasets.get(f"/v1/workspaces/{workspace}/documents/{document}").json()
    return {"dataset": [one["dataset"] for one in found["datasets"]], "document": document}


def _onwards(registry: "httpx.Client", path: str, asked: dict[str, Any], out: Path | None, as_json: bool) -> None:
    if out is not None:
        _write(out, registry.get(f"{path}.html", params=asked).text)
    found = registry.get(path, params=asked).json()
    show(found, as_json, lambda: _told(found))


def _told(found: dict[str, Any]) -> Tree:
    what = found["document"] or found["run"] or found["base"] or f"dataset {found['datasets'][0][:19]}"
    tree = Tree(f"[bold]{what}[/]: {counted(len(found['versions']), 'version')}")
    if found["document"]:
        tree.add(f"in {counted(len(found['datasets']), 'version of the data', 'versions of the data')}")
    for one in found["versions"]:
        tree.add(
            f"[bold]{one['version']}[/] {one['stage']}: {one['how']}, by {one['method']} on {one['base'] or 'no base'}"
        )
    for name in found["beside"]:
        tree.add(Text(f"{name}: another run was picked over it", style="dim"))
    return tree


def _back(target: Target, registry: "httpx.Client", path: str, documents: int, out: Path | None, as_json: bool) -> None:
    if out is not None:
        _write(out, registry.get(f"{path}.html").text)
    found = registry.get(path).json()
    if documents:
        with target.http("datasets") as datasets:
            asked = {"limit": documents}
            found["documents"] = datasets.get(
                f"/v1/datasets/{found['dataset']['digest']}/documents", params=asked
            ).json()["documents"]
    show(found, as_json, lambda: _tree(found))


def _write(out: Path, page: str) -> None:
    try:
        out.write_text(page, encoding="utf-8")
    except OSError as error:
        raise Failure(f"{out} can't be written: {error.strerror}", kind="unwritable") from None


def _tree(found: dict[str, Any]) -> Tree:
    tree = Tree(f"[bold]{found['version']}[/] {found['stage']}, after {found['parent'] or 'none'}")
    tree.add(f"artifact {found['artifact']['digest'][:19]} at {found['artifact']['prefix']}")
    run = found["run"]
    about = tree.add(
        f"run {run['id']}: {run['method']} on {run['base'] or 'no base'}, seed {run['seed']}, {run['seconds']:.0f} s"
    )
    about.add(f"validation {scores(run['scores'])}")
    if brought := run.get("imported"):  # none in what an earlier release tells
        licence, by = brought["licence"] or "not told", brought["by"] or "nobody"
        files = f"{brought['form']}, {brought['folder'][:19]}"
        about.add(Text(f"imported by {by} from {brought['source']} ({files}), licence {licence}"))
    if found["starts_from"]:
        about.add(f"started from the weights of {found['starts_from']}")
    for other in run["beside"]:
        about.add(Text(f"beside it {other['method']}: {other.get('failed') or scores(other['scores'])}", style="dim"))
    _data(tree, found)
    if found["went_on"]:
        tree.add(f"went on from it: {', '.join(one['version'] for one in found['went_on'])}")
    return tree


def _data(tree: Tree, found: dict[str, Any]) -> None:
    data = found["dataset"]
    rows = tree.add(f"dataset {data['digest'][:19]}: {_counts(data.get('rows'))}")
    if data.get("missing"):
        rows.add(Text(data["missing"], style="red"))
        return
    if data.get("redacted"):
        gone = counted(data["redacted"]["rows"], "of its rows was", "of its rows were")
        rows.add(Text(f"{gone} erased since", style="yellow"))
    documents = rows.add(f"{counted(data.get('documents') or 0, 'document')} from {_counts(data.get('sources'))}")
    for topic, partitions in (data.get("offsets") or {}).items():
        spans = ", ".join(f"{number}: {first}-{last}" for number, (first, last) in sorted(partitions.items()))
        documents.add(Text(f"{topic}  {spans}", style="dim"))
    for one in found.get("documents", []):
        came = one["origin"]
        place = "" if came["offset"] is None else f" {came['partition']}:{came['offset']}"
        documents.add(Text(f"{one['document']}  {one['split']}  {one['source']}  {came['topic']}{place}", style="dim"))


def _counts(counted: dict[str, int] | None) -> str:
    return ", ".join(f"{count} {name}" for name, count in (counted or {}).items()) or "none"
