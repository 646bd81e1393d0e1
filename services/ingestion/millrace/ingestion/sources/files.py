"""A source of files: tables row by row, texts, pages and PDFs whole. One that can't be read harms no other."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from hashlib import blake2b
from itertools import islice
from uuid import UUID

from millrace.chassis import Database, Unavailable
from millrace.chassis.blobs import Interrupted
from millrace.ingestion import runs
from millrace.ingestion.domain.revisions import Item, parts, place_of
from millrace.ingestion.sources import apart
from millrace.ingestion.sources.batch import About, Batch, Place, Position, Trouble, Unreadable
from millrace.ingestion.sources.folders import File, Folder
from millrace.ingestion.sources.pages import decoded
from millrace.ingestion.sources.tables import TABLES, Row, item, rows
from millrace.workspace import Files

AT_ONCE = 100
"""Documents in one commit."""

LOOKED_UP = 200
"""Files whose last state is looked up at once."""

WHOLE = ("txt", "md", "markdown", "html", "htm", "pdf")

Tried = tuple[str, int]
"""What a file was like when it could not be taken whole, and the run that names why."""

_FRONT_MATTER = re.compile(r"\A---\n.{0,20000}?\n---\n", re.DOTALL)
_HEADING = re.compile(r"^#\s+(.{1,300})$", re.MULTILINE)


@dataclass(frozen=True)
class _At:
    """Where a run is: rows of a file that were taken, or None when all were; whether all of them could be read."""

    file: str = ""
    tag: str = ""
    row: int | None = 0
    whole: bool = True
    anew: bool = False

    def written(self) -> Position:
        return {"file": self.file, "tag": self.tag, "row": self.row, "whole": self.whole, "anew": self.anew}


class FilesReader:
    """Reads the files of a place in the order of their names; from the last on where ids are the source's own.

    Then what one table says hangs on what others say: unless tables have only been added at the end, all are read
    `anew`, and else none of those that are as they were, were it because some of their rows can't be taken.
    """

    last_wins = False

    def __init__(self, files: Files, about: About, folder: Callable[[], Folder], db: Database, largest: int) -> None:
        self._files = files
        self._of_source = files.ids == "source"
        self.retires = files.observations is None
        # a row may have moved meanwhile from a file that was still to be read to one that comes later by its name
        self.goes_on = not self._of_source
        self._about = about
        self._folder = folder
        self._db = db
        self._largest = largest

    async def batches(self, position: Position | None) -> AsyncGenerator[Batch, None]:
        at = _At(**position) if position else _At()
        wanted = [file for file in await self._folder().files() if self._wants(file)]
        if self._of_source:
            wanted.reverse()
            at = at if position else replace(at, anew=await self._mixed(wanted))
        if at.file:
            wanted = [file for file in wanted if self._is_ahead(file.name, at.file)]
        batch = Batch(position=at.written())
        for start in range(0, len(wanted), LOOKED_UP):
            some = wanted[start : start + LOOKED_UP]
            before, tried = ({}, {}) if at.anew else await self._before(some)
            for file in some:
                place = self._place(file)
                async for part in self._file(file, before.get(place), tried.get(place), _on(at, file)):
                    if part.settled and self._of_source:  # it binds the tables that come after it, not those before
                        yield batch
                        batch = Batch(position=batch.position)
                    batch.take(part)
                    if batch.size >= AT_ONCE:
                        yield batch
                        batch = Batch(position=batch.position)
        yield batch

    def _is_ahead(self, name: str, last: str) -> bool:
        return name <= last if self._of_source else name >= last

    async def _mixed(self, files: Sequence[File]) -> bool:
        """Whether anything else has come about since the last run than tables at the end."""
        known: list[bool] = []  # from the last on
        files = [file for file in files if file.kind in TABLES]
        for start in range(0, len(files), LOOKED_UP):
            some = files[start : start + LOOKED_UP]
            before, tried = await self._before(some)
            for file in some:
                place = self._place(file)
                tags = [tried[place][0]] if place in tried else [before[place].etag] if place in before else []
                if tags not in ([], [file.tag]):
                    return True
                known.append(bool(tags))
        async with self._db.reading() as tx:
            return known != sorted(known) or await runs.vanished(tx, self._about, list(map(self._place, files)))

    def _wants(self, file: File) -> bool:
        name = file.name.rpartition("/")[2]
        patterns = self._files.include
        return not name.startswith(".") and any(fnmatch(file.name, one) or fnmatch(name, one) for one in patterns)

    def _place(self, file: File) -> UUID:
        return place_of(self._about.workspace, self._about.source, file.name)

    async def _before(self, files: Sequence[File]) -> tuple[dict[UUID, Place], dict[UUID, Tried]]:
        """Files that were read whole, and tables that hang on others and were read as far as they can be."""
        places = [self._place(file) for file in files]
        async with self._db.reading() as tx:
            tried = await runs.tried(tx, self._about, places) if self._of_source else {}
            return await runs.places(tx, self._about, places), tried

    async def _file(
        self, file: File, before: Place | None, tried: Tried | None, at: _At
    ) -> AsyncGenerator[Batch, None]:
        if at.row is None:
            return
        place, end = self._place(file), replace(at, row=None).written()
        if before is not None and before.etag == file.tag:
            yield Batch(position=end, unchanged={place}, counts=Counter(files=1))
            return
        if tried is not None and tried[0] == file.tag:
            trouble = Trouble(file.name, "as_before", f"what run {tried[1]} could not take of it; it is as it was then")
            yield Batch(position=end, troubles=[trouble], unchanged={place}, counts=Counter(files=1))
            return
        try:
            async for part in self._read(file, place, at):
                at = _At(**part.position)
                yield part
        except Unreadable as error:
            yield self._partly(file, end, Trouble(file.name, error.code, error.expected))
        except FileNotFoundError:
            yield Batch(position=end, settled={place})  # it went while the others were read: the next run will see
        except Interrupted as error:
            raise Unavailable(str(error)) from error
        else:
            end = replace(at, row=None).written()
            if at.whole:
                yield Batch(position=end, places=[Place(place, file.tag)], counts=Counter(files=1))
            else:
                yield self._partly(file, end)

    def _partly(self, file: File, end: Position, *troubles: Trouble) -> Batch:
        """The end of a file of which not all could be taken."""
        place = self._place(file)
        tried = {place: file.tag} if file.kind in TABLES else {}
        return Batch(position=end, troubles=[*troubles], settled={place}, tried=tried, counts=Counter(files=1))

    async def _read(self, file: File, place: UUID, at: _At) -> AsyncGenerator[Batch, None]:
        if file.kind in TABLES:
            async for batch in self._rows(file, place, at):
                yield batch
        elif file.kind in WHOLE and self._files.observations is None:
            items = await self._whole(file, place)
            for start in range(0, len(items), AT_ONCE):
                yield Batch(position=at.written(), items=items[start : start + AT_ONCE])
        else:
            wanted = TABLES if self._files.observations else (*TABLES, *WHOLE)
            raise Unreadable("kind", f"a file named {', '.join(wanted)}")

    async def _rows(self, file: File, place: UUID, at: _At) -> AsyncGenerator[Batch, None]:
        opened = await asyncio.to_thread(file.open)
        try:
            found = rows(file.kind, opened, self._files.told)
            broken = None
            while broken is None:
                some, broken = await asyncio.to_thread(_some, found)
                if not some:
                    break
                number = some[-1][0]
                if number <= (at.row or 0):
                    continue
                batch = Batch(position=at.written())
                for row in some:
                    self._add(batch, file, place, row)
                at = replace(at, row=number, whole=at.whole and not batch.troubles)
                batch.position = at.written()
                yield batch
            if broken is not None:
                raise broken
        finally:
            with suppress(OSError):
                await asyncio.to_thread(opened.close)

    def _add(self, batch: Batch, file: File, place: UUID, row: Row) -> None:
        number, said = row
        id = self._files.known_by
        try:
            if isinstance(said, Unreadable):
                raise said
            # the same row in the next file is no news, so it is not told by its file
            name = "" if self._of_source else file.name
            made = item(said, self._files.told, place, label=self._files.label, name=name)
            if id and said.get(id) in (None, ""):
                raise Unreadable("id", f"an id in {id!r}")
            own = str(said[id]) if id else _content(made)
            # an id is unique within its file where nothing else is declared: two files may each count from 1
            own = own if self._of_source else f"{file.name}#{own}"
            batch.items.append(replace(made, own_id=own, occurred_at=made.occurred_at or file.modified))
        except Unreadable as error:
            batch.troubles.append(Trouble(f"{file.name}, row {number}", error.code, error.expected))

    async def _whole(self, file: File, place: UUID) -> list[Item]:
        if file.size > self._largest:
            raise Unreadable("too_large", f"a file of at most {self._largest} bytes, not {file.size}")
        body = await asyncio.to_thread(self._bytes, file)
        text, title = await self._text(file, body)
        pieces = await asyncio.to_thread(parts, text)
        if not pieces:
            raise Unreadable("empty", "a file with text")
        about = {"file": file.name, **({"title": title} if title else {})}
        return [
            Item(
                own_id=file.name if number == 1 else f"{file.name}#{number}",
                place=place,
                text=part,
                label=self._files.label,
                metadata=about if number == 1 else {**about, "part": str(number)},
                occurred_at=file.modified,
            )
            for number, part in enumerate(pieces, start=1)
        ]

    def _bytes(self, file: File) -> bytes:
        with file.open() as opened:
            body = opened.read(self._largest + 1)
        if len(body) > self._largest:
            raise Unreadable("too_large", f"a file of at most {self._largest} bytes")
        return body

    async def _text(self, file: File, body: bytes) -> tuple[str, str | None]:
        if file.kind == "pdf":
            return "\n\n".join(await apart.texts(body)), None
        if file.kind in ("html", "htm"):
            read = await apart.page(body, "http://file/", {})
            return read.text, read.title
        text = (await asyncio.to_thread(decoded, body)).replace("\r\n", "\n")
        if file.kind == "txt":
            return text, None
        text = _FRONT_MATTER.sub("", text, count=1)
        heading = _HEADING.search(text)
        return text, heading[1].strip() if heading else None


def _some(found: Iterator[Row]) -> tuple[list[Row], Unreadable | None]:
    """The next rows, also those before one at which the file breaks off."""
    some: list[Row] = []
    try:
        for row in islice(found, AT_ONCE):
            some.append(row)
    except Unreadable as broken:
        return some, broken
    return some, None


def _on(at: _At, file: File) -> _At:
    """Where to begin with a file: where the run stopped, if it is still the same."""
    return at if (at.file, at.tag) == (file.name, file.tag) else _At(file.name, file.tag, anew=at.anew)


def _content(item: Item) -> str:
    """What a row without an id is known by: rows that move within a file are no news."""
    said = "\x1f".join((item.text, item.label or "", item.suite or "", item.subject or "", *_measured(item)))
    return blake2b(said.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


def _measured(item: Item) -> Iterator[str]:
    if item.measured:
        yield str(item.occurred_at)
        yield from (f"{name}={value!r}" for name, value in sorted(item.measured.values.items()))
