"""Sources are declared whole, or refused with the key, the line and the nearest valid one."""

from datetime import timedelta
from pathlib import Path

import pytest

from millrace.workspace import Columns, Crawl, Files, Observed, Problem, Sql, Workspace, WorkspaceInvalid, load
from millrace.workspace.sources import KINDS

SMALL = """\
workspace: parcel-support
owner: support-ml
task: classify
labels: {names: [late, lost, damaged]}
sources:
"""
WHOLE = (
    SMALL
    + """\
  handbook: {kind: crawl, seeds: ["https://help.example.com/"], allow: ["https://help.example.com/guides/"],
             sitemap: false, depth: 2, pages: 50, rate: 0.5, private: true, every: 1d, label: late,
             purposes: [retrieve]}
  tickets:  {kind: sql, dsn: helpdesk, table: desk.tickets, cursor: updated_at, overlap: 1m, every: 10m,
             columns: {id: id, text: body, label: topic, subject: customer, at: created_at, metadata: [lang, desk]}}
  archive:  {kind: files, at: "s3://exports/tickets/", include: ["*.csv", "*.pdf"], columns: {text: body}}
  chat:     {kind: events, purposes: [train]}
"""
)


def problem(text: str) -> Problem:
    with pytest.raises(WorkspaceInvalid) as refused:
        load(SMALL + text)
    (found,) = refused.value.problems
    return found


def test_every_kind_is_read_with_its_defaults() -> None:
    workspace = load(WHOLE)
    crawl, sql, files = (workspace.sources[name] for name in ("handbook", "tickets", "archive"))
    assert isinstance(crawl, Crawl)
    assert (crawl.depth, crawl.rate, crawl.private, crawl.every) == (2, 0.5, True, timedelta(days=1))
    assert isinstance(sql, Sql)
    assert sql.columns.named == ("id", "body", "topic", "customer", "created_at", "lang", "desk")
    assert isinstance(files, Files)
    assert (files.every, files.columns) == (None, Columns(text="body"))


def test_a_published_declaration_reads_back_the_same() -> None:
    workspace = load(WHOLE)
    assert Workspace.read(workspace.plain()) == workspace
    assert load(WHOLE).digest() == workspace.digest()
    newer = workspace.plain()
    newer["sources"]["chat"]["of_a_newer_release"] = 1
    newer["sources"]["feed"] = {"kind": "of-a-newer-release", "purposes": ["train"]}
    assert Workspace.read(newer) == workspace


def test_purposes_are_the_workspaces_where_a_source_says_nothing() -> None:
    workspace = load(WHOLE)
    assert workspace.purposes_of("handbook") == ("retrieve",)
    assert workspace.purposes_of("chat") == ("train",)
    assert workspace.purposes_of("tickets") == workspace.purposes_of("undeclared") == ("train", "evaluate")


@pytest.mark.parametrize(
    ("text", "key", "line", "nearest"),
    [
        ("  help:\n    kind: crwl", "sources.help.kind", 7, "crawl"),
        ("  help:\n    kind: crawl\n    seeds: ['https://x.org']\n    dept: 3", "sources.help.dept", 9, "depth"),
        ("  help:\n    kind: events\n    purposes:\n    - trian", "sources.help.purposes[0]", 9, "train"),
        (
            "  db: {kind: sql, dsn: crm, table: t, columns: {id: i, lable: x}}",
            "sources.db.columns.lable",
            6,
            "label",
        ),
        ("  crawl: {kind: files, at: x, colums: {}}", "sources.crawl.colums", 6, "columns"),
        ("  chat: {kind: events, every: 1d}", "sources.chat.every", 6, None),
    ],
)
def test_a_wrong_name_is_told_with_its_line_and_the_nearest(text: str, key: str, line: int, nearest: str) -> None:
    found = problem(text)
    assert (found.key, found.line, found.nearest) == (key, line, nearest)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  help: {seeds: ['https://x.org']}", "a kind, one of crawl, files, sql, events"),
        ("  help: {kind: crawl}", "this key, which is required"),
        ("  help: {kind: crawl, seeds: []}", "at least one, not none"),
        ("  help: {kind: crawl, seeds: ['ftp://x.org']}", "an address such as"),
        ("  help: {kind: crawl, seeds: ['https://me:secret@x.org']}", "without a password"),
        ("  help: {kind: crawl, seeds: ['https://[x']}", "an address such as"),
        ("  help: {kind: crawl, seeds: ['https://x.org'], rate: 0}", "at least 0.01"),
        ("  help: {kind: crawl, seeds: ['https://x.org'], every: 1s}", "at least 10s"),
        ("  help: {kind: crawl, seeds: ['https://x.org'], within: 1s}", "at least 10s"),
        ("  docs: {kind: files, at: a, ids: source}", "file where columns name no id"),
        ("  docs: {kind: files, at: a, ids: row}", "file"),
        ("  help: {kind: crawl, seeds: ['https://x.org'], every: daily}", "a duration such as"),
        ("  'he lp': {kind: events}", "a name: up to 100 letters, digits"),
        ("  help: {kind: events, purposes: []}", "at least one, not none"),
        ("  help: {kind: events, purposes: [train, train]}", "each name once"),
        ("  help: {kind: crawl, seeds: ['https://x.org'], purposes: [train, train]}", "each name once"),
        ("  docs: {kind: files, at: ../secrets}", "a folder below"),
        ("  docs: {kind: files, at: /etc}", "a folder below"),
        ("  docs: {kind: files, at: a/../../b}", "a folder below"),
        ("  docs: {kind: files, at: 's3:///x'}", "s3://bucket/prefix"),
        ("  db: {kind: sql, dsn: 'postgresql://u:p@h/d', table: t, columns: {id: id}}", "up to 62 of a-z"),
        ("  db: {kind: sql, dsn: crm, table: 't; DROP TABLE t', columns: {id: id}}", "a table, or schema.table"),
        ("  db: {kind: sql, dsn: crm, table: t, columns: {text: body}}", "columns with an id"),
        ("  db: 5", "a mapping of keys to values"),
    ],
)
def test_a_wrong_value_is_told_with_what_was_expected(text: str, expected: str) -> None:
    found = problem(text)
    assert expected in found.expected
    assert found.line == 6


METERS = "  m: {kind: files, at: meters, observations: {entity: meter, at: taken, values: [load]}%s}\n"


def test_rows_of_a_table_may_be_observations() -> None:
    files = load(SMALL + METERS % "").sources["m"]
    assert isinstance(files, Files) and files.observations == Observed(entity="meter", at="taken", values=("load",))
    assert files.told is files.observations and files.told.named == ("meter", "taken", "load")


@pytest.mark.parametrize(
    ("text", "key", "expected"),
    [
        (METERS % ", columns: {text: body}", "sources.m", "either columns, of documents, or observations"),
        (METERS % ", ids: source", "sources.m", "file where columns name no id; with one, file or source"),
        (METERS.replace("[load]", "[load], texts: [state]") % "", "sources.m.observations", "texts among its values"),
        (METERS.replace("[load]", "[]") % "", "sources.m.observations.values", "at least one"),
        (METERS.replace(", at: taken", "") % "", "sources.m.observations.at", "which is required"),
        (METERS.replace("[load]", "[load], known_since: s") % "", "sources.m.observations.known_since", "no features"),
        ("  m: {kind: sql, dsn: d, table: t}\n", "sources.m", "either columns, of documents, or observations"),
    ],
)
def test_what_can_be_no_observations_is_told(text: str, key: str, expected: str) -> None:
    found = problem(text)
    assert found.key == key and expected in found.expected


def test_the_example_has_a_source_of_each_kind() -> None:
    example = Path(__file__).parents[3] / "examples/parcel-support/sources.yaml"
    declared = load(example.read_text()).sources.values()
    assert {type(source) for source in declared} == set(KINDS.values())
