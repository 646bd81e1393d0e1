"""The technical file of a version: all that an auditor asks for, in one zip, the same bytes for the same facts."""

import io
import json
import zipfile
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from millrace.registry.card import markdown, page
from millrace.registry.lineage import openlineage

EPOCH = (1980, 1, 1, 0, 0, 0)
"""The time of every entry: the earliest that a zip can say."""

READ_ME = """# The technical file of {version}

| file | what |
|---|---|
| card.html, card.md | the model card, for people; the second in the form of the Hugging Face hub |
| facts.json | what both are made of |
| report.json | how it was judged: conditions, scores with intervals, slices, calibration, flips |
| dataset.json | the manifest of what it was trained on: rows, sources, offsets in the log, files with their digests |
| declaration.json | the workspace's declaration that it was trained under |
| ledger.json | every decision on it, with the hashes of the chain that it stands in |
| lineage.json, openlineage.json | where it comes from; the same as OpenLineage run events |
| signature.json | what was signed, the signature (Ed25519) and the public key to check it by |
| SHA256SUMS | `sha256sum -c SHA256SUMS` checks the files above |

What is missing says so in its place. No text of the data is in any of them.
"""

Facts = Mapping[str, Any]


def packed(facts: Facts, manifest: bytes | None, statement: bytes, public: str | None) -> bytes:
    """`manifest` is the dataset's, as it is kept, None where it is gone; `statement` is what was signed, `public` the
    key to check it by, None where it is not this registry's present one."""
    files = {
        "README.md": READ_ME.format(version=facts["version"]).encode(),
        "card.html": page.render(facts).encode(),
        "card.md": markdown.render(facts).encode(),
        "facts.json": _json(facts),
        "report.json": _json(facts["evaluation"]),
        "dataset.json": manifest or _json({"missing": facts["data"].get("missing")}),
        "declaration.json": _json(facts["declaration"]),
        "ledger.json": _json(facts["decisions"]),
        "lineage.json": _json(facts["lineage"]),
        "openlineage.json": _json(openlineage.events(dict(facts["lineage"]))),
        "signature.json": _json(
            {**(facts["deployment"]["signature"] or {}), "public_key": public, "statement": statement.decode()}
        ),
    }
    sums = "".join(f"{sha256(content).hexdigest()}  {name}\n" for name, content in files.items())
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in {**files, "SHA256SUMS": sums.encode()}.items():
            archive.writestr(zipfile.ZipInfo(name, EPOCH), content, zipfile.ZIP_DEFLATED)
    return whole.getvalue()


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=1, ensure_ascii=False, default=str).encode() + b"\n"
