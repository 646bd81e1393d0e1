"""Artifacts: fetched by digest, verified, kept in a folder that replicas of one machine may share."""

import asyncio
import os
import shutil
from pathlib import Path
from uuid import uuid4

from millrace import learn
from millrace.chassis import BlobNotFound, Blobs, Unprocessable
from millrace.events import Deployment


class ArtifactRefused(Unprocessable):
    def __init__(self, version: str, reason: str) -> None:
        super().__init__(f"version {version}: {reason}")
        self.version = version


class Artifacts:
    """``fetch`` gives a folder whose digest is the deployment's."""

    def __init__(self, blobs: Blobs, folder: Path, most: int) -> None:
        self._blobs = blobs
        self._folder = folder
        self._most = most

    async def fetch(self, deployment: Deployment) -> Path:
        """Raises ArtifactRefused for what may never be loaded, BlobNotFound, Unavailable."""
        kept = self._folder / deployment.digest.replace(":", "-").replace("/", "-")
        if await asyncio.to_thread(_is_whole, kept, deployment.digest):
            os.utime(kept)
            await self._bring_base(deployment, kept)
            return kept
        part = self._folder / f".{uuid4().hex}.part"
        try:
            await self._blobs.download(deployment.artifact, part)
            await asyncio.to_thread(_verify, deployment, part)
            await asyncio.to_thread(_put_in_place, part, kept)
        finally:
            await asyncio.to_thread(shutil.rmtree, part, ignore_errors=True)
        await asyncio.to_thread(self._forget_oldest)
        await self._bring_base(deployment, kept)
        return kept

    async def _bring_base(self, deployment: Deployment, folder: Path) -> None:
        """What a version stands on, where a team added it."""
        try:
            if base := learn.version_within(folder).base_needed:
                await learn.bases.bring(base, self._blobs)
        except (learn.Unlearnable, BlobNotFound) as error:
            raise ArtifactRefused(deployment.version, str(error)) from None

    def _forget_oldest(self) -> None:
        kept = sorted((path for path in self._folder.iterdir() if path.suffix != ".part"), key=_age)
        for path in kept[: -self._most]:
            shutil.rmtree(path, ignore_errors=True)


def _age(path: Path) -> float:
    return path.stat().st_mtime if path.exists() else 0.0


def _is_whole(folder: Path, digest: str) -> bool:
    try:
        return folder.is_dir() and learn.digest(folder) == digest
    except (learn.Unlearnable, OSError):
        return False


def _verify(deployment: Deployment, folder: Path) -> None:
    try:
        found = learn.digest(folder)
        labels = getattr(learn.version_within(folder), "labels", [])  # what answers in words or numbers has none
    except learn.Unlearnable as error:
        raise ArtifactRefused(deployment.version, str(error)) from None
    if found != deployment.digest:
        raise ArtifactRefused(deployment.version, f"its bytes are {found}, the route says {deployment.digest}")
    if labels != deployment.labels:
        raise ArtifactRefused(deployment.version, f"its labels are {labels}, the route says {deployment.labels}")


def _put_in_place(part: Path, kept: Path) -> None:
    """Another replica may have been quicker: what it put there has the same bytes, or is damaged and goes."""
    try:
        part.rename(kept)
    except OSError:
        if not _is_whole(kept, learn.digest(part)):
            shutil.rmtree(kept, ignore_errors=True)
            part.rename(kept)
