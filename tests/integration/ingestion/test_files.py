"""Files of a folder and of S3: each kind, what is malformed and harms no other, what changed, vanished or came back."""

import asyncio
import csv
import io
import json
import os
import shutil
import zlib
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from harness import Running, make, running, settings_for
from pypdf import PdfWriter
from sources_run import ask, codes, declare, lapse, report, retired, run, texts
from wires import wire

from millrace.chassis import Blobs, Unavailable
from millrace.events import DocumentAccepted, DocumentRejected, SubjectErased
from millrace.ingestion import erasures
from millrace.ingestion.app import build_app
from millrace.ingestion.sources import apart
from millrace.ingestion.sources import files as reading
from millrace.privacy import derived_key, pseudonym
from millrace.stack import Endpoints


@pytest.fixture
def folder(data_folder: Path) -> Path:
    made = data_folder / f"files-{uuid4().hex[:8]}" / "desk"
    made.mkdir(parents=True)
    return made


@pytest.fixture
async def ingestion(stack: Endpoints, folder: Path) -> AsyncIterator[Running]:
    more = {"files_root": str(folder.parent), "source_buckets": ("millrace",), "file_bytes": 200_000}
    async with running(stack, "ingestion", build_app, **more) as service:
        yield service


async def shown(ingestion: Running) -> dict[str, Any]:
    async with ingestion.http() as client:
        (found,) = (await client.get("/v1/workspaces/parcels/sources")).json()
    return dict(found)


def files(**more: Any) -> dict[str, Any]:
    return {"help": {"kind": "files", "at": "desk", **more}}


def said(n: int) -> str:
    return f"My parcel number {n} is late and nobody answers"


def table(path: Path, rows: list[list[Any]], header: tuple[str, ...] = ("id", "text", "topic")) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])


COLUMNS = {"id": "id", "text": "text", "label": "topic"}


def pdf(*texts: str) -> bytes:
    """A PDF of one page a text, written by hand: pypdf writes none."""
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", b""]
    kids = []
    for text in texts:
        stream = f"BT /F1 12 Tf 72 720 Td ({text}) Tj ET".encode()
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream))
        font = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
        kids.append(len(objects) + 1)
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents %d 0 R "
            b"/Resources << /Font << /F1 %s >> >> >>" % (len(objects), font)
        )
    objects[1] = b"<< /Type /Pages /Kids [%s] /Count %d >>" % (b" ".join(b"%d 0 R" % n for n in kids), len(kids))
    out, offsets = bytearray(b"%PDF-1.4\n"), []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % at for at in offsets)
    return bytes(out + b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, start))


def stream_of_pdf(packed: bytes) -> bytes:
    """A PDF of one page whose content is packed."""
    plain = pdf("x")
    stream = b"<< /Filter /FlateDecode /Length %d >>\nstream\n%s\nendstream" % (len(packed), packed)
    start, end = plain.index(b"3 0 obj\n") + 8, plain.index(b"\nendobj\n4 0 obj")
    return plain[:start] + stream + plain[end:]


async def test_every_kind_of_file_is_read(ingestion: Running, folder: Path) -> None:
    table(folder / "a.csv", [["1", said(1), "late"]])
    (folder / "b.jsonl").write_text(json.dumps({"id": 2, "text": said(2), "topic": "lost"}) + "\n")
    pq.write_table(pa.table({"id": [3], "text": [said(3)], "topic": ["late"]}), folder / "c.parquet")
    (folder / "d.txt").write_text(said(4))
    (folder / "e.md").write_text(f"---\nowner: desk\n---\n# Lateness\n\n{said(5)}")
    (folder / "f.html").write_text(f"<html><head><title>Late</title></head><body><p>{said(6)}</p></body></html>")
    (folder / "g.pdf").write_bytes(pdf(said(7), said(8)))
    (folder / "sub").mkdir()
    (folder / "sub" / "h.tsv").write_text(f"id\ttext\ttopic\n9\t{said(9)}\tlost\n")
    (folder / ".hidden.txt").write_text(said(10))
    (folder / "i.exe").write_bytes(b"MZ")
    await declare(ingestion, files(columns=COLUMNS, label="late"))
    found = await run(ingestion)
    assert (found["state"], codes(found)) == ("complete", {"i.exe": "kind"})
    accepted = {event.metadata["file"]: event for event in await ingestion.emitted(DocumentAccepted)}
    assert {name: event.label for name, event in accepted.items()} == {
        **dict.fromkeys(("a.csv", "c.parquet", "d.txt", "e.md", "f.html", "g.pdf"), "late"),
        **dict.fromkeys(("b.jsonl", "sub/h.tsv"), "lost"),
    }
    assert accepted["e.md"].metadata["title"] == "Lateness"
    assert accepted["e.md"].text == f"# Lateness\n\n{said(5)}"
    assert accepted["f.html"].text == said(6)
    assert said(7) in accepted["g.pdf"].text
    assert said(8) in accepted["g.pdf"].text


async def test_malformed_files_are_told_one_by_one_and_their_neighbours_are_taken(
    ingestion: Running, folder: Path
) -> None:
    good = io.BytesIO()
    pq.write_table(pa.table({"text": [said(n) for n in range(50)]}), good)
    (folder / "cut.parquet").write_bytes(good.getvalue()[:-200])
    (folder / "flipped.parquet").write_bytes(good.getvalue()[:60] + b"\xff" * 40 + good.getvalue()[100:])
    (folder / "no.parquet").write_bytes(b"PAR1 not really PAR1")
    (folder / "cut.pdf").write_bytes(pdf(said(1))[:150])
    (folder / "no.pdf").write_bytes(os.urandom(3000))
    writer = PdfWriter()
    writer.add_blank_page(100, 100)
    writer.encrypt("secret")
    writer.write(folder / "sealed.pdf")
    (folder / "large.txt").write_text("word " * 100_000)
    (folder / "binary.txt").write_bytes(b"\x00\x01\x02" * 500)
    (folder / "line.jsonl").write_text('{"text": "' + "x" * 3_000_000)
    (folder / "quote.csv").write_text('text\n"never closed\n' + "and on\n" * 10)
    (folder / "columns.csv").write_text("body,topic\nx,late\n")
    (folder / "rows.csv").write_text(f"text\n{said(2)}\n{said(3)},too,many\n\n{said(4)}\n")
    (folder / "rows.jsonl").write_text(json.dumps({"text": said(5)}) + '\n{"text": \n[1]\n' + json.dumps({"text": ""}))
    (folder / "latin.csv").write_bytes("text\nDas Päckchen fehlt schon übermäßig lange\n".encode("latin-1"))
    (folder / "zgood.txt").write_text(said(6))
    (folder / "gone.txt").symlink_to("/etc/hostname")
    await declare(ingestion, files())
    found = await run(ingestion)
    assert found["state"] == "complete"
    told = codes(found)
    assert told == {
        "cut.parquet": "parquet",
        "flipped.parquet": "parquet",
        "no.parquet": "parquet",
        "cut.pdf": "pdf",
        "no.pdf": "pdf",
        "sealed.pdf": "pdf",
        "large.txt": "too_large",
        "binary.txt": "encoding",
        "line.jsonl": "line",
        "quote.csv": "csv",
        "columns.csv": "columns",
        "rows.csv, row 2": "row",
        "rows.jsonl, row 2": "json",
        "rows.jsonl, row 3": "json",
        "rows.jsonl, row 4": "text",
    }
    assert "'text'" in next(one["reason"] for one in found["troubles"] if one["item"] == "columns.csv")
    expected = {*map(said, (2, 4, 5, 6)), "Das Päckchen fehlt schon übermäßig lange"}
    assert set(await texts(ingestion)) == expected


async def test_files_that_blow_up_are_refused_and_their_neighbours_are_taken(
    ingestion: Running, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "bomb.pdf").write_bytes(stream_of_pdf(zlib.compress(bytes(150_000_000), 9)))
    (folder / "circle.pdf").write_bytes(pdf(said(1)).replace(b"/Kids [4 0 R]", b"/Kids [2 0 R]"))
    (folder / "slow.html").write_text("x<br>" * 39_000)
    pq.write_table(pa.table({"text": [said(2)], "tags": [[None] * 10_000_000]}), folder / "nested.parquet")
    (folder / "zgood.txt").write_text(said(3))
    monkeypatch.setattr(apart, "LARGEST_PAGE", 1000)
    monkeypatch.setattr(apart, "SECONDS", 1)
    await declare(ingestion, files(columns={"text": "text", "metadata": ["tags"]}))
    found = await run(ingestion)
    assert codes(found) == {
        "bomb.pdf": "pdf",
        "circle.pdf": "pdf",
        "slow.html": "html",
        "nested.parquet": "columns",
    }
    assert set(await texts(ingestion)) == {said(3)}


async def test_only_what_changed_is_published_and_only_what_vanished_retired(ingestion: Running, folder: Path) -> None:
    table(folder / "a.csv", [[n, said(n), "late"] for n in range(5)])
    table(folder / "b.csv", [[n, said(n), "late"] for n in range(10, 13)])
    (folder / "c.md").write_text(said(20))
    await declare(ingestion, files(columns=COLUMNS))
    assert (await run(ingestion))["counts"]["new"] == 9
    again = await run(ingestion)
    assert (again["counts"]["unchanged"], len(await ingestion.emitted(DocumentAccepted))) == (9, 9)
    table(folder / "a.csv", [[0, said(0), "lost"], *([n, said(n), "late"] for n in (2, 3, 4, 5))])
    (folder / "b.csv").unlink()
    found = await run(ingestion)
    assert {name: found["counts"].get(name) for name in ("new", "changed", "unchanged", "retired")} == {
        "new": 1,
        "changed": 1,
        "unchanged": 4,
        "retired": 4,
    }
    (relabelled,) = [event for event in await ingestion.emitted(DocumentAccepted) if event.label == "lost"]
    first = next(event for event in await ingestion.emitted(DocumentAccepted) if event.text == said(0))
    assert relabelled.document_id == first.document_id
    await run(ingestion)
    assert len(await retired(ingestion)) == 4


async def test_a_file_that_breaks_keeps_what_stands_of_it(ingestion: Running, folder: Path) -> None:
    table(folder / "a.csv", [[n, said(n), "late"] for n in range(5)])
    await declare(ingestion, files(columns=COLUMNS))
    await run(ingestion)
    (folder / "a.csv").write_text(f'id,text,topic\n0,{said(0)},late\n1,"broken')
    found = await run(ingestion)
    assert (found["state"], codes(found)) == ("complete", {"a.csv": "csv"})
    assert found["counts"]["unchanged"] == 1
    assert await retired(ingestion) == []


async def test_an_empty_place_retires_nothing_and_says_so(ingestion: Running, folder: Path) -> None:
    (folder / "a.md").write_text(said(1))
    await declare(ingestion, files())
    await run(ingestion)
    (folder / "a.md").unlink()
    found = await run(ingestion)
    assert (found["state"], await retired(ingestion)) == ("partial", [])
    assert "nothing where 1 documents stood" in found["reason"]


async def test_a_revision_that_is_refused_withdraws_the_one_before(ingestion: Running, folder: Path) -> None:
    (folder / "a.md").write_text(said(1))
    (folder / "b.md").write_text(said(2))
    await declare(ingestion, files())
    await run(ingestion)
    (accepted, _) = await ingestion.emitted(DocumentAccepted)
    (folder / "a.md").write_text("asdfghjkl qwrtzp xcvbn")
    found = await run(ingestion)
    assert ("changed" in found["counts"], found["counts"]["rejected"]) == (False, 1)
    assert (await shown(ingestion))["documents"] == 1
    (rejected,) = await ingestion.emitted(DocumentRejected)
    (gone,) = await retired(ingestion)
    assert rejected.document_id == gone.document_id == accepted.document_id
    assert gone.because == "withdrawn"
    assert (await run(ingestion))["counts"]["unchanged"] == 2
    assert len(await retired(ingestion)) == 1


async def test_a_declaration_that_makes_other_documents_reads_all_anew(ingestion: Running, folder: Path) -> None:
    (folder / "a.md").write_text(said(1))
    await declare(ingestion, files(label="late"))
    await run(ingestion)
    await declare(ingestion, files(label="lost", purposes=["train"]))
    assert (await run(ingestion))["counts"]["changed"] == 1
    assert [event.label for event in await ingestion.emitted(DocumentAccepted)] == ["late", "lost"]


async def test_a_killed_run_goes_on_in_the_middle_of_a_file(
    ingestion: Running, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "AT_ONCE", 20)
    table(folder / "a.csv", [[n, said(n), "late"] for n in range(100)])
    table(folder / "b.csv", [[n, said(n + 100), "late"] for n in range(20)])
    await declare(ingestion, files(columns=COLUMNS))
    number = await ask(ingestion)
    opened, tables = asyncio.Event(), reading.rows

    def interrupted(*args: Any) -> Any:
        for row in tables(*args):
            if row[0] == 70:
                opened.set()
                raise Unavailable("the disk is gone")
            yield row

    monkeypatch.setattr(reading, "rows", interrupted)
    worker = asyncio.create_task(ingestion.work("fetch"))
    await asyncio.wait_for(opened.wait(), 20)
    await worker
    assert (await report(ingestion, number))["counts"]["new"] == 60
    monkeypatch.setattr(reading, "rows", tables)
    await lapse(ingestion)
    ingestion.clock.advance(60)
    await ingestion.work("fetch")
    found = await report(ingestion, number)
    assert (found["state"], found["counts"]["new"], found["counts"]["files"]) == ("complete", 120, 2)
    assert not found["counts"].get("unchanged"), "rows that were taken are not looked at again"
    assert set((await texts(ingestion)).values()) == {1}


async def test_what_has_long_been_gone_is_forgotten_and_begins_anew(ingestion: Running, folder: Path) -> None:
    for name in ("a", "b"):
        (folder / f"{name}.md").write_text(f"My parcel {name} is late and nobody answers")
    await declare(ingestion, files())
    await run(ingestion)
    (folder / "b.md").unlink()
    await run(ingestion)
    ingestion.clock.advance(31 * 86400)
    await run(ingestion)
    shot = await ingestion.snapshot()
    assert (len(shot["found"]), len(shot["places"])) == (1, 1)
    (folder / "b.md").write_text("My parcel b is late and nobody answers")
    assert (await run(ingestion))["counts"]["new"] == 1


async def test_rows_without_ids_are_known_by_their_content(ingestion: Running, folder: Path) -> None:
    (folder / "a.csv").write_text("text\n" + "\n".join(said(n) for n in range(5)) + "\n")
    await declare(ingestion, files())
    await run(ingestion)
    (folder / "a.csv").write_text("text\n" + "\n".join(said(n) for n in (9, 0, 1, 2, 3)) + "\n")
    found = await run(ingestion)
    assert {name: found["counts"].get(name) for name in ("new", "unchanged", "retired")} == {
        "new": 1,
        "unchanged": 4,
        "retired": 1,
    }


async def test_the_same_id_twice_in_a_file_is_told_and_the_first_stands(ingestion: Running, folder: Path) -> None:
    table(folder / "a.csv", [["1", said(1), "late"], ["1", said(2), "late"]])
    await declare(ingestion, files(columns=COLUMNS))
    found = await run(ingestion)
    assert (found["counts"]["new"], found["counts"]["repeated"]) == (1, 1)
    assert set(await texts(ingestion)) == {said(1)}


async def test_nothing_personal_is_kept_of_a_file(ingestion: Running, folder: Path) -> None:
    (folder / "joe@example.com.txt").write_text("Write to ann@example.com about the parcel please")
    (folder / "bob@example.com.exe").write_text("x")
    table(folder / "people.csv", [["eve@example.com", "Where is my parcel, dan@example.com?", "late"]])
    await declare(ingestion, files(columns=COLUMNS))
    found = await run(ingestion)
    assert codes(found) == {"[EMAIL]": "kind"}
    stored = repr(await ingestion.snapshot()) + repr(await ingestion.emitted(DocumentAccepted))
    for name in ("joe@", "ann@", "bob@", "eve@", "dan@"):
        assert name not in stored


@pytest.mark.parametrize(
    ("at", "because"),
    [
        ("s3://other/", "'other' is not among those"),
        ("link", "leads out of the folder"),
    ],
)
async def test_places_that_were_not_given_are_refused(ingestion: Running, folder: Path, at: str, because: str) -> None:
    (folder.parent / "link").symlink_to("/etc")
    await declare(ingestion, files(at=at))
    found = await run(ingestion)
    assert found["state"] == "failed"
    assert because in found["reason"]


async def test_a_place_that_is_not_there_ends_the_run_at_once(ingestion: Running, folder: Path) -> None:
    await declare(ingestion, files(at="desc"))
    found = await run(ingestion)
    assert (found["state"], found["reason"]) == ("failed", "there is no folder 'desc'; did you mean 'desk'?")
    ingestion.service.settings.source_buckets = ("millrace", "nowhere-to-be-found")
    await declare(ingestion, files(at="s3://nowhere-to-be-found/tickets/"))
    found = await run(ingestion)
    assert (found["state"], found["reason"]) == ("failed", "there is no bucket 'nowhere-to-be-found'")


async def test_a_run_whose_place_is_away_says_what_it_waits_for_and_is_given_up_in_the_end(
    ingestion: Running, folder: Path
) -> None:
    table(folder / "a.csv", [["1", said(1), ""]])
    await declare(ingestion, files(columns=COLUMNS))
    shutil.move(folder.parent, aside := folder.parent.with_name("aside"))
    number = await ask(ingestion)
    await ingestion.work("fetch")
    found = await report(ingestion, number)
    assert found["state"] == "running" and "folder that ingestion may read" in found["waits_for"]
    assert (await shown(ingestion))["state"] == "held up"
    shutil.move(aside, folder.parent)
    ingestion.clock.advance(60)
    await ingestion.work("fetch")
    found = await report(ingestion, number)
    assert (found["state"], found["waits_for"], found["counts"]["new"]) == ("complete", None, 1)
    shutil.move(folder.parent, aside)
    number = await ask(ingestion)
    await ingestion.work("fetch")
    ingestion.clock.advance(22_000)
    await ingestion.work("fetch")
    found = await report(ingestion, number)
    assert found["state"] == "failed" and "folder that ingestion may read" in found["reason"]
    assert await retired(ingestion) == []


async def test_rows_of_a_person_who_was_forgotten_are_not_fetched_again(ingestion: Running, folder: Path) -> None:
    """Whatever the file is called, and even where a row was edited; what it says came later is new."""
    columns = {**COLUMNS, "subject": "who", "at": "when"}
    header = ("id", "text", "topic", "who", "when")
    rows = [["1", said(1), "", "customer-1", ""], ["2", said(2), "", "customer-2", "2026-01-01T00:00:00Z"]]
    table(folder / "a.csv", rows, header)
    await declare(ingestion, files(columns=columns))
    assert (await run(ingestion))["counts"]["new"] == 2
    ingestion.clock.advance(60)
    subject = pseudonym("customer-1", derived_key(ingestion.service.settings.secret.get_secret_value(), "parcels"))
    erasure = str(uuid4())
    gone = make(SubjectErased, at=ingestion.clock.now(), erasure=erasure, subject=subject)
    async with ingestion.service.db.transaction() as tx:
        await erasures.append(tx, erasure, "parcels", subject, "ada")
    await ingestion.deliver([gone])
    (folder / "a.csv").unlink()
    later = (ingestion.clock.now() + timedelta(days=1)).isoformat()
    rows[0][1] = said(11)
    table(folder / "renamed.csv", [*rows, ["3", said(3), "", "customer-1", later]], header)
    ingestion.clock.advance(2 * 86_400)
    found = await run(ingestion)
    assert (found["counts"]["forgotten"], found["counts"]["new"]) == (1, 2)
    assert set(await texts(ingestion)) == {said(1), said(2), said(3)}
    assert (await texts(ingestion))[said(1)] == 1
    async with ingestion.http() as client:
        told = (await client.get(f"/v1/workspaces/parcels/erasures/{erasure}")).json()
    assert [one["source"] for one in told["still_named_by"]] == ["help"]
    assert "new" not in (await run(ingestion))["counts"]


async def test_a_prefix_of_s3_is_read_as_a_folder_is(stack: Endpoints, ingestion: Running, folder: Path) -> None:
    blobs = Blobs(settings_for(stack, "ingestion", "postgresql://nobody"))
    prefix = f"exports/{uuid4().hex}/"
    wide = io.BytesIO()
    filler = [uuid4().hex * 30 for _ in range(2000)]
    pq.write_table(pa.table({"id": range(2000), "text": [said(n) for n in range(2000)], "topic": filler}), wide)
    await blobs.put(f"{prefix}big.parquet", wide.getvalue())
    await blobs.put(f"{prefix}notes/a.md", said(9001).encode())
    await blobs.put(f"{prefix}no.pdf", b"%PDF-1.7 nothing")
    await declare(ingestion, files(at=f"s3://millrace/{prefix}", columns={"id": "id", "text": "text"}))
    found = await run(ingestion)
    assert (found["counts"]["new"], codes(found)) == (2001, {"no.pdf": "pdf"})
    again = await run(ingestion)
    assert again["counts"]["unchanged"] == 2001
    await blobs.put(f"{prefix}notes/a.md", said(9002).encode())
    assert (await run(ingestion))["counts"]["changed"] == 1


async def test_the_handbook_of_the_example_is_read(stack: Endpoints) -> None:
    examples = Path(__file__).parents[3] / "examples"
    async with running(stack, "ingestion", build_app, files_root=str(examples)) as service:
        await declare(service, {"help": {"kind": "files", "at": "parcel-support/handbook", "include": ["*.md"]}})
        found = await run(service)
        titles = {event.metadata["title"] for event in await service.emitted(DocumentAccepted)}
    assert (found["state"], found["counts"]["new"], found["troubles"]) == ("complete", 4, [])
    assert titles == {"Customs", "Damaged parcels", "Lockers", "When a parcel is late"}


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
async def test_s3_that_vanishes_in_the_middle_of_a_file_is_taken_up_again(
    stack: Endpoints, folder: Path, kind: str
) -> None:
    prefix, body = f"exports/{uuid4().hex}/", io.BytesIO()
    rows = [{"id": n, "text": f"{said(n)}: {os.urandom(8000).hex()}"} for n in range(400)]
    if kind == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), body, row_group_size=50)
    else:
        body.write(b"".join(json.dumps(row).encode() + b"\n" for row in rows))
    await Blobs(settings_for(stack, "ingestion", "postgresql://nobody")).put(f"{prefix}a.{kind}", body.getvalue())
    async with (
        wire(stack.s3.url) as cable,
        running(stack, "ingestion", build_app, source_buckets=("millrace",)) as service,
    ):
        service.service.settings.s3_url = f"http://127.0.0.1:{cable.port}"
        # cut with the first commit: more of the file is to be fetched after it
        service.db.on_emitted.append(lambda: setattr(cable, "left", 0))
        columns = {"id": "id", "text": "text"}
        await declare(service, files(at=f"s3://millrace/{prefix}", columns=columns))
        number = await ask(service)
        await service.work("fetch")
        stopped = await report(service, number)
        assert (stopped["state"], stopped["troubles"]) == ("running", [])
        assert 0 < stopped["counts"]["new"] < 400
        service.db.on_emitted.clear()
        cable.left = None
        service.clock.advance(60)
        await service.work("fetch")
        found = await report(service, number)
        assert (found["state"], found["counts"]["new"], found["troubles"]) == ("complete", 400, [])
        assert set((await texts(service)).values()) == {1}
        assert await retired(service) == []


async def test_s3_that_is_down_is_waited_for(stack: Endpoints, folder: Path) -> None:
    async with running(
        stack, "ingestion", partial(build_app), source_buckets=("millrace",), files_root=str(folder.parent)
    ) as service:
        service.service.settings.s3_url = "http://127.0.0.1:9"
        await declare(service, files(at="s3://millrace/x/"))
        number = await ask(service)
        await service.work("fetch")
        async with service.db.reading() as tx:
            job = await tx.fetchrow("SELECT state, error FROM jobs WHERE kind = 'fetch'")
        assert job is not None
        assert job["state"] == "waiting"
        assert "S3" in job["error"]
        assert (await report(service, number))["state"] == "running"
