"""millrace import"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from millrace.cli import Data, Failure, Json, Target, show
from millrace.cli.options import By
from millrace.cli.output import errors
from millrace.cli.person import counted, whoami

if TYPE_CHECKING:
    import httpx

    from millrace.learn.importing import Found

commands = typer.Typer()


@commands.command("import")
def bring_in(
    workspace: str,
    folder: Annotated[Path, typer.Argument(help="Of Hugging Face (config.json) or MLflow (MLmodel).")],
    data: Data,
    source: Annotated[
        str, typer.Option(help="Where it comes from, for its lineage; the folder's name, when left out.")
    ] = "",
    licence: Annotated[str, typer.Option(help="As SPDX writes it; without it the folder's README.md is asked.")] = "",
    label: Annotated[
        list[str] | None, typer.Option(help="Names its outputs, one after the other, where it has other names or none.")
    ] = None,
    note: Annotated[str, typer.Option(help="Why; stays with the cycle.")] = "",
    by: By = "",
    as_json: Json = False,
) -> None:
    """Make a version of a model that was made elsewhere. It goes through the same gate as what is trained here.

    Sequence classifiers of transformers, what `millrace export` wrote, LightGBM's trees in MLflow's folder. Pickles
    (.bin, .pt, .pkl) and models that need code of their own (trust_remote_code) are refused.
    """
    from millrace.learn.bases.adding import licence_of
    from millrace.learn.errors import Unlearnable
    from millrace.learn.importing import examine

    try:
        found = examine(folder)
        asked = {
            "digest": found.digest,
            "form": found.form,
            "source": source or folder.resolve().name,
            "licence": licence or licence_of(next(iter(found.files.values())).parent) or "",
            "files": found.sizes,
            "labels": label or found.labels or [],
            "note": note,
            "by": by or whoami(),
        }
    except Unlearnable as error:
        raise Failure(str(error), kind=type(error).__name__) from error
    except OSError as error:
        raise Failure(f"{folder} can't be read: {error}", kind="unreadable") from error
    target = Target(data)
    with target.http("training") as training:
        opened = _opened(target, training, f"/v1/workspaces/{workspace}/import", asked, found)
    show(
        {**opened, **{name: asked[name] for name in ("digest", "form", "source", "licence")}},
        as_json,
        lambda: f"cycle {opened['cycle']} is open: `millrace cycles {workspace}` shows how it goes",
    )


def _opened(
    target: Target, training: "httpx.Client", path: str, asked: dict[str, Any], found: "Found"
) -> dict[str, Any]:
    """Training is asked first, so that nothing is uploaded for it to refuse."""
    try:
        opened: dict[str, Any] = training.post(path, json=asked).json()
    except Failure as failure:
        if failure.kind != "not_uploaded":
            raise
        _upload(target, str(failure.facts["prefix"]), found)
        opened = training.post(path, json=asked).json()
    return opened


def _upload(target: Target, prefix: str, found: "Found") -> None:
    from millrace.learn.bases.bucket import Bucket, BucketError

    s3 = target.s3
    bucket = Bucket(s3.url, s3.access_key, s3.secret_key, target.bucket)
    size = sum(found.sizes.values())
    try:
        with errors.status(f"uploads {counted(len(found.files), 'file')}, {size / 1e6:,.1f} MB"):
            for name, path in found.files.items():
                bucket.put_file(f"{prefix}/{name}", path)
    except (BucketError, OSError) as error:
        raise Failure(f"S3: {error}", kind="unavailable") from error
