"""The workspace file as the story changes it. It is only ever changed by declaring it again."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

PARTNER = "partner-desk"
HELPDESK = "helpdesk"
GOLDEN = "golden"
PADDED = 256


@dataclass
class Declaration:
    """A workspace's declaration; `text()` is the file to apply."""

    spec: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> "Declaration":
        return cls(_yaml().load(path.read_text(encoding="utf-8")))

    @property
    def name(self) -> str:
        return str(self.spec["workspace"])

    def rename(self, name: str) -> None:
        self.spec["workspace"] = name

    @property
    def monolingual(self) -> bool:
        """Whether texts in other languages than those declared are refused."""
        return bool(self.spec["data"].get("languages"))

    def carry(self, labels: Sequence[str], *, min_labels: int, min_examples: int) -> None:
        """For a user's own categories, of which more have to be learnt, and of some of them there may be few texts."""
        self.spec["labels"] = {**self.spec["labels"], "names": list(labels), "min_examples": min_examples}
        self.spec["data"] = {key: value for key, value in self.spec["data"].items() if key != "languages"}
        self.spec["train"] = {**self.spec["train"], "min_labels": min_labels}

    def retire(self, source: str) -> None:
        data = self.spec["data"]
        trusted = [name for name in data["trusted"] if name != source]
        self.spec["data"] = {**data, "trusted": trusted, "retired": [*data.get("retired", []), source]}

    def pad(self, tokens: int) -> None:
        """As right as production and slower: what it answers passes the gate, what it costs is for its canary."""
        self.spec["serve"] = {**self.spec.get("serve", {}), "pad_to": tokens, "max_length": tokens}

    def text(self) -> str:
        written = StringIO()
        _yaml().dump(self.spec, written)
        return written.getvalue()


def _yaml() -> YAML:
    """YAML 1.2, as workspace files are read: in 1.1 the key `on` is a truth value."""
    made = YAML(typ="safe", pure=True)
    made.default_flow_style = False
    made.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    made.width = 120
    return made
