import json
import os
from pathlib import Path
from typing import Any

import pytest

from millrace.learn import DamagedModel, UnsafeFile, digest, read_version

VERSION: dict[str, Any] = {
    "task": "classify",
    "method": "linear-probe",
    "base": {"name": "minilm", "digest": "sha256:1"},
    "labels": ["damaged", "late"],
    "reference": {"rows": 1, "kept": 1, "label_share": {}, "top_probability": 1, "entropy": 0, "novelty": 0},
    "training": {"rows": 9, "seed": 1, "settings": {}, "steps": 1, "planned_steps": 1},
    "environment": {},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "version.json").write_text(json.dumps(VERSION))
    (tmp_path / "weights.safetensors").write_bytes(b"weights")
    return tmp_path


def test_the_digest_is_of_names_and_contents_not_of_times(folder: Path) -> None:
    before = digest(folder)
    os.utime(folder / "weights.safetensors", (1, 1))
    assert digest(folder) == before
    (folder / "weights.safetensors").write_bytes(b"weightz")
    assert digest(folder) != before


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "head.pkl", "state.CKPT", "a.joblib"])
def test_a_pickle_is_refused_with_the_reason(folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"\x80\x04")
    with pytest.raises(UnsafeFile, match="run code when they are loaded"):
        digest(folder)


def test_strange_files_links_and_folders_are_refused(folder: Path) -> None:
    for name, make in (("run.py", Path.touch), ("config.json", Path.mkdir)):
        make(folder / name)
        with pytest.raises(UnsafeFile):
            digest(folder)
        (folder / name).rmdir() if (folder / name).is_dir() else (folder / name).unlink()
    (folder / "tokenizer.json").symlink_to("/etc/hostname")
    with pytest.raises(UnsafeFile, match="plain files"):
        digest(folder)


@pytest.mark.parametrize(
    ("change", "because"),
    [({"labels": ["late", "late"]}, "twice"), ({"pad_to": 100000}, "pad_to"), ({"extra": 1}, "extra")],
)
def test_a_version_that_is_not_ours_says_why(folder: Path, change: dict[str, Any], because: str) -> None:
    (folder / "version.json").write_text(json.dumps(VERSION | change))
    with pytest.raises(DamagedModel, match=because):
        read_version(folder)


def test_a_folder_without_weights_is_damaged(folder: Path) -> None:
    (folder / "weights.safetensors").unlink()
    with pytest.raises(DamagedModel):
        digest(folder)
