"""What sources are judged by: addresses, spellings, revisions, encodings, tables."""

import gzip
import io
import json
import time
import tracemalloc
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.ingestion.declaring import declaration, shape
from millrace.ingestion.domain.addresses import allowed
from millrace.ingestion.domain.revisions import Item, Known, documents, parts, place_of, revise, submitted
from millrace.ingestion.domain.urls import normal, prefixes, within
from millrace.ingestion.sources import tables
from millrace.ingestion.sources.batch import Unreadable
from millrace.ingestion.sources.network import gunzipped
from millrace.ingestion.sources.pages import decoded, page, sitemap
from millrace.workspace import Columns, Crawl

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
KEY = b"k" * 32
PLACE = place_of("parcels", "help", "a")
ITEM = Item(own_id="a", place=PLACE, text="My parcel is late")


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1", "::ffff:93.184.216.34"])
def test_public_addresses_may_be_connected_to(address: str) -> None:
    assert allowed(address, private=False)


@pytest.mark.parametrize(
    "address",
    [
        *("10.0.0.1", "172.16.3.4", "192.168.1.1", "127.0.0.1", "127.8.8.8", "::1", "fd00::1", "100.64.0.1"),
        *("::ffff:10.0.0.1", "::ffff:127.0.0.1", "2002:7f00:1::", "64:ff9b::a00:1"),
    ],
)
def test_private_and_loopback_addresses_need_the_workspaces_word(address: str) -> None:
    assert not allowed(address, private=False)


@pytest.mark.parametrize("address", ["10.0.0.1", "127.0.0.1", "::1", "fd00::1", "::ffff:192.168.0.9"])
def test_a_private_source_may_go_there(address: str) -> None:
    assert allowed(address, private=True)


@pytest.mark.parametrize(
    "address",
    [
        *("169.254.169.254", "fe80::1", "fe80::1%eth0", "224.0.0.1", "ff02::1", "0.0.0.0", "::", "255.255.255.255"),
        *("240.0.0.1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "no address", ""),
    ],
)
def test_link_local_multicast_and_reserved_addresses_never_may(address: str) -> None:
    assert not allowed(address, private=False)
    assert not allowed(address, private=True)


@pytest.mark.parametrize(
    ("url", "spelled"),
    [
        ("HTTP://Help.Example.COM:80/a/./b/../c?x=1#part", "http://help.example.com/a/c?x=1"),
        ("https://example.com", "https://example.com/"),
        ("https://example.com:8443/", "https://example.com:8443/"),
        ("/c d?q=ä", "https://base.org/c%20d?q=%C3%A4"),
        ("../up", "https://base.org/up"),
        ("//other.org/x", "https://other.org/x"),
        ("https://bücher.example/", "https://xn--bcher-kva.example/"),
        ("http://[::1]:8080/x", "http://[::1]:8080/x"),
    ],
)
def test_an_address_has_one_spelling(url: str, spelled: str) -> None:
    assert normal(url, "https://base.org/a/b") == spelled
    assert normal(spelled) == spelled


@pytest.mark.parametrize(
    "url",
    [
        *("mailto:joe@example.com", "javascript:alert(1)", "ftp://x.org/", "http://u:p@x.org/", "file:///etc/passwd"),
        *("http://[x", "http://x:y/", "http://x.org/" + "a" * 2000, "http:///nowhere", "http://x.org:99999/"),
    ],
)
def test_what_is_no_page_has_no_spelling(url: str) -> None:
    assert normal(url, "https://base.org/") is None


@given(st.text(max_size=60))
def test_any_text_is_spelled_or_refused(url: str) -> None:
    spelled = normal(url, "https://base.org/a")
    assert spelled is None or normal(spelled) == spelled


@pytest.mark.parametrize(
    ("url", "inside"),
    [
        ("https://x.org/guides/", True),
        ("http://x.org/guides/a", True),
        ("https://x.org/guides", True),
        ("https://x.org/guidesecret", False),
        ("https://x.org/", False),
        ("https://x.org:444/guides/a", False),
        ("https://x.org.evil.com/guides/a", False),
        ("https://x.org/guides/../admin", False),
    ],
)
def test_a_crawl_stays_below_its_prefixes(url: str, inside: bool) -> None:
    spelled = normal(url)
    assert spelled is not None
    assert within(spelled, ("https://x.org/guides",)) == inside


def test_without_prefixes_a_crawl_stays_on_its_seeds_hosts() -> None:
    assert prefixes(["https://a.org/x/y", "https://a.org/z", "http://b.org:81/"], ()) == (
        "https://a.org/",
        "http://b.org:81/",
    )


def outcome(known: Known | None, *, item: Item = ITEM, run: int = 2, last_wins: bool = False) -> tuple[str, int]:
    (document,) = documents("parcels", "help", [item])
    found = revise(document, item, known, run=run, key=KEY, last_wins=last_wins)
    return found.outcome, found.number


SAME, OTHER = ITEM.digest(KEY), b"x" * 16


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        (None, ("new", 1)),
        (Known(SAME, 3, gone=False, seen=1), ("unchanged", 3)),
        (Known(SAME, 3, gone=False, seen=2), ("unchanged", 3)),
        (Known(SAME, 3, gone=True, seen=1), ("changed", 4)),
        (Known(OTHER, 3, gone=False, seen=1), ("changed", 4)),
        (Known(OTHER, 3, gone=True, seen=1), ("changed", 4)),
        (Known(OTHER, 3, gone=False, seen=2), ("repeated", 3)),
    ],
)
def test_what_is_news(known: Known | None, expected: tuple[str, int]) -> None:
    assert outcome(known) == expected


def test_a_source_that_tells_what_is_newer_may_say_so_within_a_run() -> None:
    assert outcome(Known(OTHER, 3, gone=False, seen=2), last_wins=True) == ("changed", 4)


@pytest.mark.parametrize("field", ["text", "label", "suite", "subject"])
def test_a_digest_is_of_everything_that_a_document_says(field: str) -> None:
    assert replace(ITEM, **{field: "else"}).digest(KEY) != SAME
    assert replace(ITEM, metadata={"a": "b"}).digest(KEY) != SAME
    assert replace(ITEM, occurred_at=NOW).digest(KEY) == SAME
    assert ITEM.digest(b"another") != SAME


def test_a_revision_is_one_event_however_often_it_is_made() -> None:
    (document,) = documents("parcels", "help", [ITEM])
    first = revise(document, ITEM, None, run=1, key=KEY, last_wins=False)
    made = [submitted(first, "parcels", "help", now=NOW + timedelta(hours=n), trace=None) for n in range(2)]
    assert made[0].id == made[1].id
    back = revise(document, ITEM, Known(SAME, 1, gone=True, seen=1), run=2, key=KEY, last_wins=False)
    assert submitted(back, "parcels", "help", now=NOW, trace=None).id != made[0].id
    assert UUID(str(document)) == document


@given(st.text(max_size=3000), st.integers(min_value=10, max_value=200))
def test_parts_hold_the_whole_text_and_fit(text: str, most: int) -> None:
    found = parts(text, most)
    assert all(len(part) <= most for part in found)
    assert "".join("".join(found).split()) == "".join(text.split())


def test_a_book_is_cut_quickly() -> None:
    began = time.perf_counter()
    assert len(parts("word and word\n\n" * 2_000_000)) > 1000
    assert time.perf_counter() - began < 5


@pytest.mark.parametrize(
    ("body", "content_type", "text"),
    [
        ("grüße".encode(), "text/html", "grüße"),
        ("grüße, ihr alle da draußen im Land".encode("latin-1"), "text/html", "grüße, ihr alle da draußen im Land"),
        ("grüße, wie immer".encode("latin-1"), "text/html; charset=utf-8", "grüße, wie immer"),
        ("grüße".encode("utf-16"), "text/html", "grüße"),
        ("\ufeffgrüße".encode(), "text/html", "grüße"),
        ("привет, как дела сегодня".encode("cp1251"), "text/html; charset=windows-1251", "привет, как дела сегодня"),
        (b"<meta charset='iso-8859-5'>" + "привет".encode("iso-8859-5"), "", "<meta charset='iso-8859-5'>привет"),
        (b"plain", "text/html; charset=no-such-thing", "plain"),
        (b"plain", "text/html; charset=base64", "plain"),
    ],
)
def test_an_encoding_is_believed_only_where_it_is_so(body: bytes, content_type: str, text: str) -> None:
    assert decoded(body, content_type, html=True) == text


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(Unreadable):
        decoded(b"\x00\x01\x02" * 100)


def test_a_pages_wishes_are_obeyed() -> None:
    body = b"<html><head><meta name='ROBOTS' content='noindex'></head><body><p>x</p><a href='/a'>a</a></body></html>"
    read = page(body, "http://x.org/", {})
    assert (read.text, read.links, read.noindex) == ("", ("http://x.org/a",), True)
    read = page(b"<body><p>Some text here</p><a href='/a'>a</a>", "http://x.org/", {"x-robots-tag": "nofollow"})
    assert (read.text, read.links) == ("Some text here\na", ())
    read = page(b"<body><p>Text</p><a rel='nofollow' href='/a'></a><a href='/b'></a>", "http://x.org/", {})
    assert read.links == ("http://x.org/b",)


@pytest.mark.parametrize("body", [b"", b"<", b"<html>" * 100_000, b"<!--", b"\xff\xfe<", b"<body><p>" + b"<b>" * 5000])
def test_malformed_pages_are_read_or_refused(body: bytes) -> None:
    with suppress(Unreadable):
        page(body, "http://x.org/", {})


_LAUGHS = b'<!DOCTYPE x [<!ENTITY a "ha">%s]><urlset><url><loc>http://x/&z9;</loc></url></urlset>' % b"".join(
    b'<!ENTITY z%d "%s">' % (n, (b"&z%d;" % (n - 1) if n else b"&a;") * 10) for n in range(10)
)


def test_sitemaps_are_read_within_bounds() -> None:
    body = b"<urlset>" + b"".join(b"<url><loc> http://x/%d </loc></url>" % n for n in range(100)) + b"</urlset>"
    assert sitemap(body, 10)[0] == [f"http://x/{n}" for n in range(10)]
    assert sitemap(b"<sitemapindex><sitemap><loc>http://x/m</loc></sitemap></sitemapindex>", 10) == ([], ["http://x/m"])
    assert sitemap(b"http://x/a\n\nhttp://x/b\n", 10) == (["http://x/a", "http://x/b"], [])
    with pytest.raises(Unreadable):
        sitemap(b"<urlset><url></nonsense>", 10)
    with suppress(Unreadable):
        assert all(len(one) < 100 for one in sitemap(_LAUGHS, 10)[0])


def test_what_unpacks_to_more_than_is_taken_is_refused() -> None:
    assert gunzipped(gzip.compress(b"x" * 100), 100) == b"x" * 100
    assert gunzipped(b"plain", 100) == b"plain"
    with pytest.raises(Unreadable, match="at most 99"):
        gunzipped(gzip.compress(b"x" * 100), 99)
    bomb = gzip.compress(bytes(100_000_000))
    tracemalloc.start()
    with pytest.raises(Unreadable):
        gunzipped(bomb, 1_000_000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5_000_000


def read(kind: str, body: bytes, **columns: str) -> list[tables.Row]:
    return list(tables.rows(kind, io.BytesIO(body), Columns(**columns)))


def test_a_table_of_csv_is_read_row_by_row() -> None:
    found = read("csv", 'id,text\n1,"two\nlines"\n2,x,y\n\n3,z\n'.encode("utf-8-sig"), id="id")
    assert [number for number, _ in found] == [1, 2, 4]
    assert found[0][1] == {"id": "1", "text": "two\nlines"}
    assert isinstance(found[1][1], Unreadable)


def test_an_encoding_is_that_of_the_files_start() -> None:
    late = "text\n" + "plain\n" * 60_000 + "Päckchen\n"
    assert read("csv", late.encode())[-1][1] == {"text": "Päckchen"}
    with pytest.raises(Unreadable, match="as its start is"):
        read("csv", late.encode("latin-1"))


def test_a_large_table_is_read_in_little_memory() -> None:
    body = io.BytesIO()
    for n in range(200_000):
        body.write(json.dumps({"text": f"My parcel number {n} is late"}).encode() + b"\n")
    body.seek(0)
    tracemalloc.start()
    number = sum(1 for _ in tables.rows("jsonl", body, Columns()))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert number == 200_000
    assert peak < 4_000_000


def test_a_parquet_of_other_types_is_text(tmp_path: object) -> None:
    body = io.BytesIO()
    table = pa.table({"id": [0, None], "text": [b"bytes", None], "at": [NOW, NOW], "n": [1.5, None]})
    pq.write_table(table, body)
    columns = Columns(id="id", text="text", at="at", metadata=("n",))
    (_, first), (_, second) = tables.rows("parquet", io.BytesIO(body.getvalue()), columns)
    assert isinstance(first, dict)
    assert isinstance(second, dict)
    made = tables.item(first, columns, PLACE, label="late")
    assert (made.text, made.label, made.occurred_at, made.metadata) == ("bytes", "late", NOW, {"n": "1.5"})
    with pytest.raises(Unreadable, match="a text in 'text'"):
        tables.item(second, columns, PLACE, label=None)


@pytest.mark.parametrize("said", ["yesterday", "2026-13-01", "0001-01-01T00:00:00+14:00"])
def test_a_time_that_is_none_is_refused(said: str) -> None:
    with pytest.raises(Unreadable, match="a time such as"):
        tables.moment(said)


def test_when_and_how_far_a_source_is_read_make_no_other_documents() -> None:
    crawl = Crawl(kind="crawl", seeds=("https://x.org",))
    often = Crawl(kind="crawl", seeds=("https://x.org",), every=timedelta(hours=1), purposes=("train",), depth=5)
    labelled = Crawl(kind="crawl", seeds=("https://x.org",), label="late")
    assert declaration(crawl) == declaration(often) != declaration(labelled)
    assert len({shape(crawl), shape(often), shape(labelled)}) == 3
