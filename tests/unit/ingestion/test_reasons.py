"""Reasons for which records are rejected: every one is listed for people, and can be asked for."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from millrace.ingestion.domain import documents, observations, quality, texts
from millrace.ingestion.domain.quarantine import REASONS
from millrace.workspace import MEASURES

README = (Path(__file__).parents[3] / "services/ingestion/README.md").read_text()


def given() -> Iterator[str]:
    """The codes that the rules write: the name, or the first of what a reason or a check is made of."""
    for module in (documents, observations, quality, texts):
        for node in ast.walk(ast.parse(Path(module.__file__ or "").read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("Reason", "_reason"):
                codes = [one.value for one in node.keywords if one.arg == "code"] or node.args[:1]
            elif isinstance(node, ast.Tuple) and len(node.elts) == 4:  # wrong, code, field, expected
                codes = [node.elts[1]]
            else:
                continue
            yield from (str(one.value) for one in codes if isinstance(one, ast.Constant))


def test_every_reason_that_a_rule_gives_can_be_asked_for() -> None:
    found = set(given())
    assert {"empty", "future", "denied", "language", "untrusted_suite"} <= found
    assert found <= REASONS


def test_every_reason_that_can_be_asked_for_is_in_the_readme() -> None:
    tables = README[README.index("| reason | of | when |") :].partition("Two published filters")[0]
    rows = [row.split("|")[1] for row in tables.splitlines() if row.startswith("| `") or row.startswith("| a measure")]
    told = {code for row in rows for code in re.findall(r"`([a-z_0-9]+)`", row)}
    assert told <= REASONS
    rest = REASONS - told - set(MEASURES)
    assert all(code.startswith("pii_") for code in rest), rest
