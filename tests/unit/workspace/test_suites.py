"""Suites that a team declares, and what the gate may ask of them."""

import pytest

from millrace.workspace import Problem, Workspace, WorkspaceInvalid, load

SMALL = """\
workspace: parcel-support
owner: support-ml
task: classify
labels: {names: [late, lost, damaged]}
"""


def problems(text: str) -> list[Problem]:
    with pytest.raises(WorkspaceInvalid) as refused:
        load(SMALL + text)
    return list(refused.value.problems)


def test_a_suite_that_is_called_as_a_kind_is_of_it_and_the_file_reads_back_the_same() -> None:
    declared = load(
        SMALL
        + """\
suites:
  paraphrase: {of: fresh, owner: search-team}
  extremes: {confidence: 0.7, within: 2s}
  size:
  returns_desk: {kind: labelled, owner: returns}
gate: ["paraphrase.macro_f1 >= 0.9 * golden.macro_f1", "extremes.pass >= 0.95", "size.bytes <= 1.1 * production",
       "size.memory <= 200000000", "returns_desk.accuracy >= production - 0.02"]
"""
    )
    assert declared.suites["paraphrase"].kind == "paraphrase" and declared.suites["paraphrase"].of == "fresh"
    assert declared.suites["size"].kind == "size"
    assert Workspace.read(declared.plain()) == declared


def test_nothing_is_asked_of_suites_that_nobody_declared() -> None:
    assert load(SMALL).suites == {}
    (one,) = problems('gate: ["injection.pass >= 0.98"]\n')
    assert "'injection.pass' can't be judged here" in one.expected


@pytest.mark.parametrize(
    ("text", "key", "told"),
    [
        ("suites: {golden: {kind: labelled}}\n", "suites.golden", "another name"),
        ("suites: {size: {kind: labelled}}\n", "suites.size", "is of that kind"),
        ("suites: {returns: {}}\n", "suites.returns.kind", "required"),
        ("suites: {returns: {kind: labeled}}\n", "suites.returns.kind", "labelled"),
        ("suites: {returns-desk: {kind: labelled}}\n", "suites.returns-desk", "up to 63 of a-z"),
        ("suites: {injection: {confidence: 0.5}}\n", "suites.injection", "no confidence, which is of extremes"),
        ("suites: {labelled: {of: fresh}}\n", "suites.labelled", "no of, which is of paraphrase"),
        ("suites: {injection: {off: fresh}}\n", "suites.injection.off", "one of kind, owner, of"),
        ('suites: {injection: }\ngate: ["injection.pass <= 0.9"]\n', "gate[0]", ">"),
        ('suites: {size: }\ngate: ["size.bytes >= production"]\n', "gate[0]", "<="),
        ('suites: {size: }\ngate: ["size.macro_f1 >= 0.5"]\n', "gate[0]", "can't be judged"),
    ],
)
def test_what_cannot_be_honoured_is_said_with_its_key(text: str, key: str, told: str) -> None:
    (one,) = problems(text)
    assert one.key == key and told in one.expected and one.line
