"""What a folder turned out to be."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from millrace.learn.folder import file_digest

Form = Literal["transformers", "sentence-transformers", "lightgbm"]
TRANSFORMERS: Form = "transformers"
SENTENCES: Form = "sentence-transformers"
LIGHTGBM: Form = "lightgbm"


@dataclass(frozen=True)
class Found:
    """``files`` by the names that they are taken under; ``labels`` in the order of the outputs, or None.

    ``regresses`` says that a number comes of it.
    """

    form: Form
    files: Mapping[str, Path]
    labels: list[str] | None
    regresses: bool = False

    @property
    def digest(self) -> str:
        """``sha256:`` over the names and contents of what is taken."""
        whole = hashlib.sha256()
        for name, path in sorted(self.files.items()):
            whole.update(f"{name} {file_digest(path)}\n".encode())
        return f"sha256:{whole.hexdigest()}"

    @property
    def sizes(self) -> dict[str, int]:
        return {name: path.stat().st_size for name, path in sorted(self.files.items())}
