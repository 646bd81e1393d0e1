"""A version as a folder that others load without Millrace: as Hugging Face and sentence-transformers do, and as MLflow
does. Importing this costs no torch."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from millrace.learn.errors import WrongRequest
from millrace.learn.folder import task_of
from millrace.learn.shelf import Shelf

Form = Literal["huggingface", "mlflow"]


def export(folder: Path, out: Path, form: Form, *, name: str, readme: str = "") -> list[Path]:
    """Writes the version in `folder` to `out`, whole or not at all; the files, sorted.

    `name` is what the version is called, `readme` its card. Raises WrongRequest, UnsafeFile, DamagedModel, BaseMissing.
    """
    from millrace.learn.exporting import huggingface, mlflow

    task = task_of(folder)
    if task != "classify":
        raise WrongRequest(f"task: {name} is of task {task}; versions of classify can be exported")
    if out.exists():
        raise WrongRequest(f"out: {out} is there already")
    write: dict[Form, Callable[..., None]] = {"huggingface": huggingface.write, "mlflow": mlflow.write}
    part = out.parent / f".{out.name}.part"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        write[form](Shelf().load(folder), part, name=name, readme=readme)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    part.replace(out)
    return sorted(path for path in out.rglob("*") if path.is_file())
