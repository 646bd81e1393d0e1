"""Where documents come from: crawls, files, SQL, and what products push themselves."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, StringConstraints, field_validator, model_validator
from pydantic_core import PydanticCustomError

from millrace.workspace.quantities import Duration
from millrace.workspace.section import Section, unique

Purpose = Literal["train", "evaluate", "retrieve"]
SourceName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$")]
Label = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^\S(.*\S)?$")]
Column = Annotated[str, StringConstraints(min_length=1, max_length=63)]
Table = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,62}(\.[A-Za-z_][A-Za-z0-9_]{0,62})?$")]
DsnName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,61}$")]
Glob = Annotated[str, StringConstraints(pattern=r"^[^\s/][^\s]{0,199}$")]

SHORTEST_EVERY = timedelta(seconds=10)
SCHEMES = ("http", "https")

_BUCKET = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[^\x00-\x1f]*)?")
_FOLDER = re.compile(r"[A-Za-z0-9_][^\x00-\x1f\\]{0,499}")


def _url(text: str) -> str:
    try:
        parts = urlsplit(text)
        named = parts.scheme in SCHEMES and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        named = False
    if not named or len(text) > 2000 or re.search(r"[\s\x00-\x1f]", text) or "@" in parts.netloc:
        raise PydanticCustomError("url", "an address such as https://help.example.com/guides/, without a password")
    return text


def _place(text: str) -> str:
    if _BUCKET.fullmatch(text) or (_FOLDER.fullmatch(text) and ":" not in text and ".." not in text.split("/")):
        return text
    raise PydanticCustomError("place", "s3://bucket/prefix, or a folder below the one that ingestion may read")


Url = Annotated[str, AfterValidator(_url)]
Place = Annotated[str, AfterValidator(_place)]


class Columns(Section):
    """Which column of a table says what. Rows of files without an `id` are known by their content."""

    id: Column | None = None
    text: Column = "text"
    label: Column | None = None
    suite: Column | None = None
    subject: Column | None = None
    at: Column | None = None
    metadata: Annotated[tuple[Column, ...], Field(strict=False, max_length=50)] = ()

    _once = field_validator("metadata")(unique)

    @property
    def named(self) -> tuple[str, ...]:
        """Every column that is asked for, each once."""
        single = (self.id, self.text, self.label, self.suite, self.subject, self.at)
        return tuple(dict.fromkeys([*filter(None, single), *self.metadata]))


class Observed(Section):
    """Which column of a table of observations says what. `texts` are those of the `values` that stay texts, whatever
    they look like; `known_since` says since when the source has known a row, for its history."""

    id: Column | None = None
    entity: Column
    at: Column
    values: Annotated[tuple[Column, ...], Field(strict=False, min_length=1, max_length=500)]
    texts: Annotated[tuple[Column, ...], Field(strict=False, max_length=500)] = ()
    known_since: Column | None = None

    _once = field_validator("values", "texts")(unique)

    @model_validator(mode="after")
    def _of_the_values(self) -> Observed:
        if others := [name for name in self.texts if name not in self.values]:
            raise PydanticCustomError("texts", "texts among its values: {others} is none", {"others": others[0]})
        return self

    @property
    def named(self) -> tuple[str, ...]:
        """Every column that is asked for, each once."""
        single = (self.id, self.entity, self.at, self.known_since)
        return tuple(dict.fromkeys([*filter(None, single), *self.values]))


class Source(Section):
    """`purposes` is what its documents may serve; data.purposes where it says nothing."""

    purposes: Annotated[tuple[Purpose, ...], Field(strict=False, min_length=1)] | None = None

    @field_validator("purposes")
    @classmethod
    def _each_purpose_once(cls, purposes: tuple[Purpose, ...] | None) -> tuple[Purpose, ...] | None:
        return purposes and unique(purposes)


class Fetched(Source):
    """Looked for `every` so often, or by hand where that is null; a run ends `within` a time, done or not.

    `label` goes to documents that bring none.
    """

    every: Duration | None = None
    within: Duration = timedelta(days=1)
    label: Label | None = None

    @field_validator("every", "within")
    @classmethod
    def _seldom(cls, every: timedelta | None) -> timedelta | None:
        if every is not None and every < SHORTEST_EVERY:
            raise PydanticCustomError("every", "at least 10s")
        return every


class Events(Source):
    """What a product submits by Kafka or HTTP under this source's name.

    `history` lets its observations say since when they were known there: it is believed of moments at which Millrace
    did not know their entity.
    """

    kind: Literal["events"]
    history: bool = False


class Crawl(Fetched):
    """Pages below `allow` (the seeds' hosts where it is empty), at most `rate` requests a second and host.

    Only `private` sites may have private or loopback addresses.
    """

    kind: Literal["crawl"]
    seeds: Annotated[tuple[Url, ...], Field(strict=False, min_length=1, max_length=100)]
    allow: Annotated[tuple[Url, ...], Field(strict=False, max_length=100)] = ()
    sitemap: bool = True
    depth: Annotated[int, Field(ge=0, le=50)] = 3
    pages: Annotated[int, Field(ge=1, le=1_000_000)] = 1000
    rate: Annotated[float, Field(ge=0.01, le=100)] = 1.0
    private: bool = False

    _once = field_validator("seeds", "allow")(unique)


_EITHER = PydanticCustomError("columns", "either columns, of documents, or observations")


class Files(Fetched):
    """Files below a prefix or folder whose names match one of `include`: tables by `columns`, others whole.

    With `observations` their rows are that, and nothing but tables is read. An
    id of a row is its `file`'s own, or the `source`'s: then the file that comes last by its name says what is so.
    """

    kind: Literal["files"]
    at: Place
    include: Annotated[tuple[Glob, ...], Field(strict=False, min_length=1, max_length=50)] = ("*",)
    columns: Columns = Columns()
    observations: Observed | None = None
    ids: Literal["file", "source"] = "file"

    _once = field_validator("include")(unique)

    @model_validator(mode="after")
    def _identified(self) -> Files:
        if self.observations and self.columns != Columns():
            raise _EITHER
        if self.ids == "source" and self.known_by is None:
            raise PydanticCustomError("ids", "file where columns name no id; with one, file or source")
        return self

    @property
    def told(self) -> Columns | Observed:
        """What the rows of a table are, and which of its columns say so."""
        return self.observations or self.columns

    @property
    def known_by(self) -> str | None:
        """The column by which a row is known again."""
        return self.observations.id if self.observations else self.columns.id


class Sql(Fetched):
    """A table or view of a Postgres. With a `cursor` column rows from there on are read, else all of them each time."""

    kind: Literal["sql"]
    dsn: DsnName
    table: Table
    columns: Columns | None = None
    observations: Observed | None = None
    cursor: Column | None = None
    overlap: Duration = timedelta(minutes=5)

    @model_validator(mode="after")
    def _identified(self) -> Sql:
        if (self.columns is None) == (self.observations is None):
            raise _EITHER
        if self.known_by is None:
            raise PydanticCustomError("columns", "columns with an id, by which a row is known again")
        return self

    @property
    def told(self) -> Columns | Observed:
        """What a row is, and which of its columns say so."""
        told = self.observations or self.columns
        assert told is not None
        return told

    @property
    def known_by(self) -> str | None:
        """The column by which a row is known again."""
        return self.told.id


AnySource = Annotated[Crawl | Files | Sql | Events, Field(discriminator="kind")]
Sources = Annotated[dict[SourceName, AnySource], Field(max_length=200)]
KINDS: dict[str, type[Source]] = {"crawl": Crawl, "files": Files, "sql": Sql, "events": Events}


def known_kinds(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    """A published spec without the sources whose kind this release does not know."""
    sources = spec.get("sources")
    if not isinstance(sources, Mapping):
        return spec
    return {**spec, "sources": {name: one for name, one in sources.items() if one.get("kind") in KINDS}}


def purposes_of(source: Any, otherwise: tuple[str, ...]) -> tuple[str, ...]:
    """What a source's documents may serve; `otherwise` where it is not declared or says nothing."""
    declared: tuple[str, ...] | None = source.purposes if source is not None else None
    return declared or otherwise


def of_history(source: AnySource) -> bool:
    """Whether a source may say since when it has known what it tells."""
    match source:
        case Events() as events:
            return events.history
        case Files(observations=Observed() as observations) | Sql(observations=Observed() as observations):
            return observations.known_since is not None
    return False
