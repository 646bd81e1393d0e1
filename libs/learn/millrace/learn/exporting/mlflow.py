"""The folder of an MLflow model of flavour `python_function` (mlflow.org, "MLflow Models", storage format).

What loads it is `answers.py`, copied into it, by torch and transformers alone: neither Millrace nor pickles are needed.
Imports torch, but not MLflow.
"""

from __future__ import annotations

import json
import platform
import shutil
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import yaml

from millrace.learn.exporting import answers, huggingface
from millrace.learn.exporting.names import LOADER
from millrace.learn.model import Model

NEEDS = ("numpy", "pandas", "safetensors", "tokenizers", "torch", "transformers")
FORMAT = "2.0.0"
"""The release of MLflow since which such a folder can be loaded."""


def write(model: Model, out: Path, *, name: str, readme: str) -> None:
    data = out / "data"
    data.mkdir()
    huggingface.write(model, data, name=name, readme=readme)
    (out / "code").mkdir()
    shutil.copyfile(str(answers.__file__), out / "code" / f"{LOADER}.py")
    needs = [f"{package}=={version}" for package in NEEDS if (version := _version(package))]
    _yaml(out / "MLmodel", _model(name, model.version.labels))
    (out / "requirements.txt").write_text("\n".join(needs) + "\n", encoding="utf-8")
    python = platform.python_version()
    _yaml(out / "python_env.yaml", {"python": python, "dependencies": ["-r requirements.txt"]})
    conda = {"name": "mlflow-env", "channels": ["conda-forge"]}
    _yaml(out / "conda.yaml", {**conda, "dependencies": [f"python={python}", "pip", {"pip": needs}]})


def _model(name: str, labels: list[str]) -> dict[str, Any]:
    inputs = [{"name": "text", "type": "string", "required": True}]
    outputs = [{"name": "label", "type": "string", "required": True}]
    outputs += [
        {"name": column, "type": "double", "required": True}
        for column in ("probability", *(f"p_{label}" for label in labels))
    ]
    function = {
        "loader_module": LOADER,
        "code": "code",
        "data": "data",
        "env": {"conda": "conda.yaml", "virtualenv": "python_env.yaml"},
        "python_version": platform.python_version(),
    }
    return {
        "artifact_path": name,
        "flavors": {"python_function": function},
        "mlflow_version": FORMAT,
        "model_uuid": uuid5(NAMESPACE_URL, f"millrace:{name}").hex,
        "signature": {"inputs": json.dumps(inputs), "outputs": json.dumps(outputs)},
        "utc_time_created": str(datetime.now(UTC).replace(tzinfo=None)),
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package).partition("+")[0]
    except metadata.PackageNotFoundError:
        return None


def _yaml(path: Path, value: Any) -> None:
    path.write_text(yaml.safe_dump(value, sort_keys=False, allow_unicode=True), encoding="utf-8")
