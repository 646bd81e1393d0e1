"""Which kind of folder it is: MLflow's, sentence-transformers', transformers', or LightGBM's text alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from millrace.learn.errors import ImportRefused
from millrace.learn.exporting.names import LOADER
from millrace.learn.folder import PICKLES, TREES
from millrace.learn.importing import boosted, texts
from millrace.learn.importing.found import Found

MLMODEL = "MLmodel"
PICKLED = PICKLES | {".skops", ".cloudpickle", ".dill"}
RUNS_CODE = "pickled models run code when they are loaded, and none is trusted"
INSTEAD = (
    "save it as MLflow's `transformers` with a text-classification pipeline, as `lightgbm` with a Booster "
    "(of an LGBMClassifier: .booster_), or as a Hugging Face folder by save_pretrained"
)


def examine(folder: Path) -> Found:
    """Raises ImportRefused with the reason."""
    if not folder.is_dir():
        raise ImportRefused(str(folder), "it is no folder")
    links = sorted(path.name for path in folder.rglob("*") if path.is_symlink())
    if (folder / MLMODEL).is_file():
        return _mlflow(folder, links)
    if (folder / TREES).is_file():
        return boosted.found(folder / TREES)
    if not (folder / "config.json").is_file():
        pickled = sorted(path.name for path in folder.iterdir() if path.suffix.lower() in PICKLED)
        if pickled:
            raise ImportRefused(str(folder), f"{pickled[0]}: {RUNS_CODE}; {INSTEAD}")
        raise ImportRefused(str(folder), f"there is neither a config.json of Hugging Face nor an {MLMODEL} of MLflow")
    return texts.found(folder, folder)


def _mlflow(folder: Path, links: list[str]) -> Found:
    if links:
        raise ImportRefused(str(folder), f"{links[0]} is a link; an MLflow model has files of its own")
    flavours = _flavours(folder)
    ours = flavours.get("python_function", {})
    if ours.get("loader_module") == LOADER:  # the loader stays where it is: its data is what we wrote ourselves
        data = _inside(folder, ours.get("data"), "python_function.data")
        return texts.found(data, data)
    if "transformers" in flavours:
        return _transformers(folder, flavours["transformers"])
    if "lightgbm" in flavours:
        return _lightgbm(folder, flavours["lightgbm"])
    pickled = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.suffix.lower() in PICKLED)
    what = f"flavour {', '.join(sorted(flavours)) or 'none'}{f' ({pickled[0]})' if pickled else ''}"
    raise ImportRefused(str(folder), f"{what}: {RUNS_CODE}; {INSTEAD}")


def _flavours(folder: Path) -> dict[str, Mapping[str, Any]]:
    try:
        told = yaml.safe_load((folder / MLMODEL).read_text("utf-8"))
        flavours = told["flavors"]
    except (OSError, ValueError, yaml.YAMLError, KeyError, TypeError) as error:
        raise ImportRefused(str(folder), f"{MLMODEL} can't be read: {type(error).__name__}") from None
    if not isinstance(flavours, Mapping):
        raise ImportRefused(str(folder), f"{MLMODEL}: flavors is no mapping")
    return {str(name): told if isinstance(told, Mapping) else {} for name, told in flavours.items()}


def _transformers(folder: Path, told: Mapping[str, Any]) -> Found:
    if told.get("task") not in (None, "text-classification"):
        raise ImportRefused(str(folder), f"its task is {told['task']}; text-classification can be imported")
    if told.get("peft_adaptor"):
        raise ImportRefused(str(folder), "it is an adapter apart from its base: merge_and_unload it, then save it")
    if not told.get("model_binary"):
        raise ImportRefused(str(folder), "its weights are not in the folder: save it with save_pretrained=True")
    model = _inside(folder, told["model_binary"], "transformers.model_binary")
    tokens = folder / "components" / "tokenizer"
    return texts.found(model, tokens if tokens.is_dir() else model)


def _lightgbm(folder: Path, told: Mapping[str, Any]) -> Found:
    data = str(told.get("data") or "")
    if Path(data).suffix.lower() in PICKLED:
        raise ImportRefused(
            str(folder), f"{data} is a {told.get('model_class', 'model')}: {RUNS_CODE}; save its Booster (.booster_)"
        )
    return boosted.found(_inside(folder, data, "lightgbm.data"))


def _inside(folder: Path, name: object, field: str) -> Path:
    """What a name in MLmodel leads to. Raises ImportRefused for what is not within the folder."""
    path = (folder / str(name or "")).resolve()
    if not name or not path.is_relative_to(folder.resolve()) or not path.exists():
        raise ImportRefused(str(folder), f"{MLMODEL}: {field} is {name!r}, which is not in the folder")
    return path
