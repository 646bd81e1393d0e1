"""How much a version is: bytes of its files, and of what is in memory while it answers. Imports torch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from millrace.learn.model import Model


def sizes(model: Model, folder: Path) -> dict[str, int]:
    """`bytes` of the artifact's files; `memory` of the tensors that it answers from, its base's too.

    A version that shares its base costs only the rest once another of that base is loaded.
    """
    files = sum(path.stat().st_size for path in sorted(folder.rglob("*")) if path.is_file())
    asked = model.embedder.asked
    tensors = [*asked.parameters(), *asked.buffers(), model.head.weight, model.head.bias, model.references]
    storages = {tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes() for tensor in tensors}
    return {"bytes": files, "memory": sum(storages.values())}
