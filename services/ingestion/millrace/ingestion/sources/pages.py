"""Bytes into text: encodings as they are rather than as they are declared, HTML into what a person reads."""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import trafilatura
from charset_normalizer import from_bytes
from lxml import etree  # type: ignore[import-untyped]
from lxml import html as lxml_html

from millrace.ingestion.domain.urls import normal
from millrace.ingestion.sources.batch import Unreadable

MOST_LINKS = 2000
LONGEST_TITLE = 300
PIECE = 64 * 1024
GUESSED_FROM = 64 * 1024
WESTERN, FEW = "cp1252", 0.15

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_META = re.compile(rb"""<meta[^>]{0,200}charset\s*=\s*["']?\s*([A-Za-z0-9_:.-]{1,40})""", re.IGNORECASE)
_CHARSET = re.compile(r"""charset\s*=\s*["']?([A-Za-z0-9_:.-]{1,40})""", re.IGNORECASE)


@dataclass(frozen=True)
class Page:
    """What a page says. `text` is empty where it may not be kept; `links` where they may not be followed."""

    text: str
    title: str | None
    links: tuple[str, ...]
    noindex: bool = False


def encoding_of(body: bytes, declared: str | None = None, *, whole: bool = True) -> str:
    """An encoding in which all of a body can be read: the declared one only where it is so. Raises Unreadable.

    One that is not `whole` may end within a character.
    """
    marked = next((name for mark, name in _BOMS if body.startswith(mark)), None)
    for name in (marked, declared, "utf-8"):
        if name and _reads(body, name, whole):
            return name
    guessed = from_bytes(body[:GUESSED_FROM]).best()
    for name in (WESTERN if _western(body) else None, guessed.encoding if guessed else None):
        if name and _reads(body, name, whole):
            return name
    raise Unreadable("encoding", f"text in {declared or 'utf-8'}, or in an encoding that can be told")


def _western(body: bytes) -> bool:
    """Few letters beyond ASCII: too few to guess from, and most often those of a Western language."""
    start = body[:GUESSED_FROM]
    return sum(byte >= 0x80 for byte in start) < FEW * len(start)


def _reads(body: bytes, name: str, whole: bool) -> bool:
    try:
        text = body.decode(name) if whole else codecs.getincrementaldecoder(name)().decode(body)
        return "\x00" not in text[:1000]
    except (LookupError, UnicodeError, ValueError):
        return False


def decoded(body: bytes, content_type: str = "", *, html: bool = False) -> str:
    """Text of a body. Raises Unreadable."""
    said = _CHARSET.search(content_type)
    meta = _META.search(body[:4096]) if html and not said else None
    declared = said[1] if said else meta[1].decode() if meta else None
    return body.decode(encoding_of(body, declared))


def page(body: bytes, url: str, headers: Mapping[str, str]) -> Page:
    """Read an HTML page. Raises Unreadable."""
    text = decoded(body, headers.get("content-type", ""), html=True)
    try:
        # as bytes, since lxml refuses text that declares an encoding
        parser = lxml_html.HTMLParser(encoding="utf-8", no_network=True, huge_tree=False)
        tree = lxml_html.document_fromstring(text.encode("utf-8", "replace"), parser=parser)
    except (etree.LxmlError, ValueError) as error:
        raise Unreadable("html", f"a page of HTML: {error}"[:200]) from error
    rules = f"{headers.get('x-robots-tag', '')},{_robots(tree)}".lower()
    noindex, nofollow = ("noindex" in rules or "none" in rules), ("nofollow" in rules or "none" in rules)
    links = () if nofollow else _links(tree, url)
    title = " ".join((tree.findtext(".//title") or "").split())[:LONGEST_TITLE] or None
    return Page("" if noindex else _text(tree, text), title, links, noindex)


def _robots(tree: lxml_html.HtmlElement) -> str:
    found = tree.xpath("//meta[translate(@name, 'ROBTS', 'robts') = 'robots']/@content")
    return ",".join(map(str, found))


def _links(tree: lxml_html.HtmlElement, url: str) -> tuple[str, ...]:
    bases = tree.xpath("//base/@href")
    base = normal(str(bases[0]), url) or url if bases else url
    found: dict[str, None] = {}
    for anchor in tree.iter("a", "area"):
        href = anchor.get("href")
        if href and "nofollow" not in (anchor.get("rel") or "") and (link := normal(href, base)):
            found.setdefault(link)
        if len(found) >= MOST_LINKS:
            break
    return tuple(found)


def _text(tree: lxml_html.HtmlElement, text: str) -> str:
    """The main text of a page; of one that has none to speak of, all that it shows."""
    found = trafilatura.extract(text, include_comments=False, include_tables=True)
    if found and found.strip():
        return str(found)
    for hidden in tree.xpath("//script | //style | //noscript | //template | //head"):
        hidden.drop_tree()
    lines = (" ".join(line.split()) for line in str(tree.text_content()).splitlines())
    return "\n".join(line for line in lines if line)


def sitemap(body: bytes, most: int) -> tuple[list[str], list[str]]:
    """Addresses of pages and of further sitemaps, in XML or one a line. Raises Unreadable."""
    if body.lstrip()[:1] != b"<":
        lines = decoded(body).splitlines()
        return [line.strip() for line in lines if line.strip()][:most], []
    pages: list[str] = []
    maps: list[str] = []
    parser = etree.XMLPullParser(
        events=("end",), resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
    )
    try:
        # piece by piece: the parser takes no more than 10 MB at once, and what was read is let go of
        for start in range(0, len(body), PIECE):
            parser.feed(body[start : start + PIECE])
            for _, element in parser.read_events():
                _located(element, pages, maps)
            if len(pages) + len(maps) >= most:
                return pages[:most], maps[: max(0, most - len(pages))]
        parser.close()
    except (etree.XMLSyntaxError, ValueError) as error:
        raise Unreadable("sitemap", f"a sitemap in XML: {error}"[:200]) from error
    return pages, maps


def _located(element: Any, pages: list[str], maps: list[str]) -> None:
    holder = element.getparent()
    if etree.QName(element).localname == "loc":
        if element.text:
            inside = etree.QName(holder).localname if holder is not None else ""
            (maps if inside == "sitemap" else pages).append(element.text.strip())
    elif holder is not None:
        element.clear()
        while element.getprevious() is not None:
            del holder[0]
