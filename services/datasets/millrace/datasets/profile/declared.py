"""What the columns of a file are: declared, not guessed."""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """Names of columns by what they mean.

    `target` is the one of the numbers that is predicted; `names` are columns that tell rows apart where no id does.
    """

    id: str | None = None
    text: str | None = None
    label: str | None = None
    split: str | None = None
    cluster: str | None = None
    weight: str | None = None
    categories: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    times: tuple[str, ...] = ()
    target: str | None = None
    names: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    """Columns in which a missing value means something."""

    @property
    def columns(self) -> list[str]:
        one = (self.id, self.text, self.label, self.split, self.cluster, self.weight)
        several = (*self.names, *self.categories, *self.numbers, *self.times)
        return list(dict.fromkeys(name for name in (*one, *several) if name))

    @property
    def features(self) -> list[str]:
        """The columns that a model looks at, where it is not a text."""
        return [name for name in (*self.numbers, *self.categories) if name not in (*self.names, self.target)]


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
ANSWERED = replace(VERSION, label=None)
"""Those of a version whose labels are answers in words."""
