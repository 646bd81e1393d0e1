"""millrace export"""

from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from millrace.cli import Data, Failure, Json, Target, show
from millrace.cli.output import errors
from millrace.cli.person import counted

if TYPE_CHECKING:
    from millrace.learn.bases.bucket import Bucket

commands = typer.Typer()


class Form(StrEnum):
    huggingface = "huggingface"
    mlflow = "mlflow"


@commands.command()
def export(
    version: Annotated[str, typer.Argument(help="Such as parcels-3.")],
    out: Annotated[Path, typer.Argument(help="A folder that is not there yet.")],
    data: Data,
    form: Annotated[Form, typer.Option("--as", help="Whose folder it becomes.")] = Form.huggingface,
    as_json: Json = False,
) -> None:
    """Write a version as a folder that others load without Millrace, its model card in it.

    huggingface: `AutoModel.from_pretrained` gives its encoder, `SentenceTransformer` its logits. mlflow:
    `mlflow.pyfunc.load_model` predicts from a column `text`. Sums are of float32; only safetensors, nothing pickled.
    """
    from millrace.learn.bases.bucket import Bucket, BucketError
    from millrace.learn.errors import Unlearnable
    from millrace.learn.exporting import export as exported

    target = Target(data)
    workspace = version.rpartition("-")[0] or version
    path = f"/v1/workspaces/{workspace}/versions/{version}"
    with target.http("registry") as registry:
        facts = registry.get(f"{path}/card").json()
        readme = registry.get(f"{path}/card.md").text
    s3 = target.s3
    bucket = Bucket(s3.url, s3.access_key, s3.secret_key, target.bucket)
    try:
        with errors.status(f"writes {version}"), TemporaryDirectory(prefix="millrace-export-") as folder:
            model = _fetched(bucket, facts, Path(folder) / "model")
            files = exported(model, out, form.value, name=version, readme=readme)
    except (Unlearnable, OSError) as error:
        raise Failure(f"{version} can't be exported: {error}", kind=type(error).__name__) from error
    except BucketError as error:
        raise Failure(f"S3: {error}", kind="unavailable") from error
    size = sum(file.stat().st_size for file in files)
    told = {"folder": str(out), "form": form.value, "files": [str(file.relative_to(out)) for file in files]}
    show({**told, "bytes": size}, as_json, lambda: f"{out}: {counted(len(files), 'file')}, {size / 1e6:,.1f} MB")


def _fetched(bucket: "Bucket", facts: dict[str, object], folder: Path) -> Path:
    """The version's files, and its base where it needs one. Raises Failure where they are others than were signed."""
    from millrace import learn

    deployment = facts["deployment"]
    assert isinstance(deployment, dict)
    prefix = f"{deployment['artifact'].rstrip('/')}/"
    folder.mkdir()
    for key in bucket.each(prefix):
        (folder / key.removeprefix(prefix)).write_bytes(bucket.get(key))
    if (found := learn.digest(folder)) != deployment["digest"]:
        raise Failure(f"its files are {found}, where {deployment['digest']} were registered", kind="DamagedModel")
    base = learn.version_within(folder).base_needed
    if base and base not in {*learn.bases.listed(), *learn.bases.added()}:
        learn.bases.take(base, bucket)
    return folder
