"""The reader of each kind of source."""

from __future__ import annotations

from functools import partial

from millrace.chassis import Database
from millrace.ingestion.job_fetch import Readers
from millrace.ingestion.settings import Settings
from millrace.ingestion.sources.batch import About, Reader
from millrace.ingestion.sources.crawl import CrawlReader
from millrace.ingestion.sources.files import FilesReader
from millrace.ingestion.sources.folders import folder
from millrace.ingestion.sources.network import Network
from millrace.ingestion.sources.sql import SqlReader
from millrace.workspace import Crawl, Fetched, Files, Sql


def readers(settings: Settings, db: Database, network: Network) -> Readers:
    def reader(source: Fetched, about: About) -> Reader:
        match source:
            case Crawl() as crawl:
                return CrawlReader(crawl, about, network, db, largest=settings.page_bytes)
            case Files() as files:
                return FilesReader(files, about, partial(folder, files.at, settings), db, settings.file_bytes)
            case Sql() as sql:
                return SqlReader(sql, about, settings.dsns, db)
        raise TypeError(f"nothing reads a {type(source).__name__}")

    return reader
