"""What the columns of a file are: declared, not guessed."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """Names of columns by what they mean; those of no meaning here are only looked through for missing values."""

    id: str | None = None
    text: str | None = None
    label: str | None = None
    split: str | None = None
    cluster: str | None = None
    weight: str | None = None
    categories: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    times: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    """Columns in which a missing value means something."""

    @property
    def columns(self) -> list[str]:
        one = (self.id, self.text, self.label, self.split, self.cluster, self.weight)
        return list(dict.fromkeys(name for name in (*one, *self.categories, *self.numbers, *self.times) if name))


VERSION = Declared(
    id="id",
    text="text",
    label="label",
    split="split",
    cluster="cluster",
    weight="weight",
    categories=("source", "language", "trusted", "basis", "suite"),
    times=("occurred_at",),
    optional=("language", "basis", "suite"),
)
"""The files of a version of texts."""
