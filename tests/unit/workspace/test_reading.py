"""A workspace file is read whole, or refused with every problem, its line and the nearest valid name."""

import re
import time
from datetime import timedelta
from fractions import Fraction
from pathlib import Path

import pytest
from pydantic import ValidationError

from millrace.workspace import Problem, Workspace, WorkspaceInvalid, changes_refused, doubts, load, task_named

SMALL = """\
workspace: parcel-support
owner: support-ml
task: classify
labels: {names: [late, lost, damaged]}
"""
WHOLE = (
    SMALL
    + """\
data:     {pii: pseudonymise, national_ids: true, languages: [en], duplicates: {near: 0.8, then: drop},
           purposes: [train, evaluate], trusted: [helpdesk], retired: [old-crm],
           quality: {presets: [gopher, c4], limits: {words: {min: 3}, stop_words: null}, deny: ['(?i)ad'], require: [x],
                     blocked_words: [damn],
                     metadata: {order: {type: integer, required: true, min: 1}}, values: {load: {min: 0, max: 9.5}}}}
feedback: {delay: 10m, wait: 7d, trusted: [agent, system]}
train:    {bases: [minilm], methods: [linear-probe, full], trials: 6, window: since-change, replay: 1, min_labels: 200,
           on: {drift: true, new_documents: 2000, schedule: weekly}, budget: 20m, finetune_budget: 25s, seed: 7}
gate:     ["fresh.macro_f1 > production", "golden.macro_f1 >= best - 0.03", "typos.macro_f1 >= 0.9 * golden.macro_f1"]
rollout:  {shadow: {labels: 100, require: "accuracy >= production - 0.05"}, canary: {shares: [0.1, 0.5], labels: 50},
           harm: ["error_rate <= production + 0.02", "latency.p99 <= 1.5 * production",
           "feedback.negative <= production + 0.05"], alpha: 0.05, at_most: 7d, otherwise: roll-back, approval: none}
monitor:  {error: adwin, confidence: adwin, novelty: adwin, label_share: page-hinkley, min_reference: 300,
           false_alarms: 1/50000}
serve:    {pad_to: 256, max_length: 256}
corpora:
  handbook: {sources: [wiki, policies], chunk: {words: 120, overlap: 30}, base: minilm, languages: [en, de]}
  tickets:  {sources: [helpdesk]}
record:   best-effort
lanes:    4
"""
)


def problems(text: str) -> tuple[Problem, ...]:
    with pytest.raises(WorkspaceInvalid) as refused:
        load(text)
    return refused.value.problems


def test_four_lines_are_enough() -> None:
    workspace = load(SMALL)
    assert workspace.train.methods == ("linear-probe", "full")
    assert [str(condition) for condition in workspace.gate] == list(task_named("classify").defaults["gate"])
    assert workspace.monitor.watched["label_share"] == "page-hinkley"
    assert workspace.serve.pad_to is None


def test_every_declared_key_is_taken() -> None:
    workspace = load(WHOLE)
    assert workspace.data.retired == ("old-crm",)
    assert workspace.data.quality.limits["stop_words"] is None
    assert workspace.data.quality.values["load"].max == 9.5
    assert workspace.data.quality.blocked_words == ("damn",)
    assert workspace.train.finetune_budget == timedelta(seconds=25)
    assert workspace.monitor.false_alarms == Fraction(1, 50000)
    assert workspace.record == "best-effort"
    assert workspace.lanes == 4
    assert workspace.serve.pad_to == 256


def test_the_same_meaning_has_the_same_digest() -> None:
    spelled = SMALL.replace("{names: [late, lost, damaged]}", "\n  names:\n    - late\n    - 'lost'\n    - damaged")
    assert load(SMALL + "feedback: {delay: 60m}").digest() == load(spelled + "feedback: {delay: 1h}").digest()
    assert load(SMALL).digest() != load(WHOLE).digest()


@pytest.mark.parametrize("text", [SMALL, WHOLE])
def test_a_published_spec_reads_back_the_same(text: str) -> None:
    workspace = load(text)
    assert Workspace.read(workspace.plain()) == workspace
    assert Workspace.read({**workspace.plain(), "of_a_newer_release": 1}) == workspace
    with pytest.raises(ValidationError):
        Workspace.read({**workspace.plain(), "lanes": 0})


@pytest.mark.parametrize(
    ("added", "key", "line", "nearest"),
    [
        ("trian: {}", "trian", 5, "train"),
        ("train:\n  seed: 1\n  metods: [full]", "train.metods", 7, "methods"),
        ("data:\n  quality:\n    deny: [x]\n    limis: {}", "data.quality.limis", 8, "limits"),
        ("data:\n  quality: {limits: {wrods: {min: 3}}}", "data.quality.limits.wrods", 6, "words"),
        ("data: {quality: {limits: {words: {mim: 3}}}}", "data.quality.limits.words.mim", 5, "min"),
        ("data: {quality: {presets: [gofer]}}", "data.quality.presets[0]", 5, "gopher"),
        ("data: {quality: {blocked_word: [damn]}}", "data.quality.blocked_word", 5, "blocked_words"),
        ("data: {quality: {metadata: {order: {typ: text}}}}", "data.quality.metadata.order.typ", 5, "type"),
        ("data: {quality: {metadata: {order: {type: numbr}}}}", "data.quality.metadata.order.type", 5, "number"),
        ("train: {methods: [linear_probe]}", "train.methods[0]", 5, "linear-probe"),
        ("train:\n  bases:\n    - minilm\n    - minilmm", "train.bases[1]", 8, "minilm"),
        ("train:\n  on:\n    drfit: true", "train.on.drfit", 7, "drift"),
        ("rollout: {canary: {share: [0.1]}}", "rollout.canary.share", 5, "shares"),
        ("monitor: {novlty: adwin}", "monitor.novlty", 5, "novelty"),
        ("monitor: {novelty: adwim}", "monitor.novelty", 5, "adwin"),
        ("record: durabel", "record", 5, "durable"),
        ("data: {pii: pseudonymize}", "data.pii", 5, "pseudonymise"),
        ("gate:\n  - fresh.macro_f1 > production\n  - golden.macrof1 > best", "gate[1]", 7, "golden.macro_f1"),
        ("rollout: {harm: [eror_rate <= production]}", "rollout.harm[0]", 5, "error_rate"),
        ("rollout: {shadow: {require: acuracy >= production}}", "rollout.shadow.require", 5, "accuracy"),
        ("corpora:\n  wiki: {sourcs: [a], sources: [b]}", "corpora.wiki.sourcs", 6, "sources"),
        ("corpora:\n  wiki:\n    sources: [a]\n    chunk: {word: 50}", "corpora.wiki.chunk.word", 8, "words"),
        ("corpora:\n  wiki:\n    sources: [a]\n    base: minilmm", "corpora.wiki.base", 8, "minilm"),
    ],
)
def test_a_wrong_name_is_told_with_its_line_and_the_nearest(added: str, key: str, line: int, nearest: str) -> None:
    (problem,) = problems(SMALL + added)
    assert (problem.key, problem.line, problem.nearest) == (key, line, nearest)


@pytest.mark.parametrize(
    ("added", "expected"),
    [
        ("lanes: '2'", "whole number"),
        ("lanes: true", "whole number"),
        ("train: {replay: .nan}", "finite number"),
        ("train: {budget: 10x}", "a duration such as"),
        ("train: {budget: 0m}", "a duration such as"),
        ("train: {budget: 99999999w}", "a duration such as"),
        ("train: {budget: 1m, finetune_budget: 2m}", "at most train.budget"),
        ("monitor: {false_alarms: 0.1}", "a rate such as"),
        ("monitor: {false_alarms: 1/0}", "a rate such as"),
        ("monitor: [adwin]", "a mapping"),
        ("rollout: {canary: {shares: [0.5, 0.1]}}", "shares that rise"),
        ("rollout: {canary: {shares: [0.5, 1.0]}}", "less than 1"),
        ("serve: {pad_to: 256, max_length: 128}", "pad_to at most"),
        ("data: {duplicates: {near: 0}}", "more than 0"),
        ("data: {duplicates: {semantic: 1.5}}", "at most 1"),
        ("data: {duplicates: {then: forget}}", "one of drop, weight, keep"),
        ("data: {retention: 1 year}", "a duration such as"),
        ("data: {languages: [xx]}", "such as en, not xx"),
        ("corpora: {wiki: {sources: [a], languages: [xx]}}", "such as en, not xx"),
        ("corpora: {wiki: {sources: []}}", "at least one, not none"),
        ("corpora: {wiki: {sources: [a, a]}}", "each name once"),
        ("corpora: {wiki: {}}", "this key, which is required"),
        ("corpora: {wiki: {sources: [a], chunk: {words: 10, overlap: 5}}}", "at least 20"),
        ("corpora: {wiki: {sources: [a], chunk: {words: 50}}}", "at most half of its words"),
        ("corpora: {Wiki: {sources: [a]}}", "matches the pattern"),
        ("corpora: [wiki]", "a mapping"),
        (
            "corpora: {wiki: {sources: [a]}}\nsources: {a: {kind: events, purposes: [train]}}",
            "a source that may serve to retrieve; sources.a.purposes lacks it",
        ),
        ("corpora: {wiki: {sources: [a, b]}, both: {sources: [c]}}\ndata: {retired: [b]}", "data.retired names b"),
        ("data: {national_ids: us}", "true or false"),
        ("data: {quality: {deny: ['(?=a)b']}}", "RE2: invalid perl operator: (?=; looking ahead"),
        ("data: {quality: {require: ['(a)\\1']}}", "a reference to a group can't"),
        ("data: {quality: {metadata: {order: {pattern: '[0-9'}}}}", "RE2: missing ]"),
        ("data: {quality: {values: {state: {pattern: 'x{9999}'}}}}", "RE2: invalid repetition size"),
        (f"data: {{quality: {{deny: [{'x' * 501}]}}}}", "at most 500 characters"),
        ("data: {quality: {deny: [x, x]}}", "each name once"),
        ("data: {quality: {blocked_words: [x, x]}}", "each name once"),
        ("data: {quality: {blocked_words: ['!!!']}}", "a word, or a phrase of at most 8 words"),
        ("data: {quality: {blocked_words: [one two three four five six seven eight nine]}}", "at most 8 words"),
        ("data: {quality: {blocked_words: words.txt}}", "a list"),
        ("data: {quality: {blocked_words: [7]}}", "text"),
        ("data: {quality: {limits: {words: {min: 3, max: 2}}}}", "min at most max"),
        ("data: {quality: {limits: {words: {}}}}", "min, max or both"),
        ("data: {quality: {limits: {words: 3}}}", "a mapping"),
        ("data: {quality: {metadata: {order: {type: date, min: 3}}}}", "only of type integer or number"),
        ("data: {quality: {metadata: {order: {min: 3, pattern: x}}}}", "either min and max"),
        ("data: {quality: {metadata: {order: {min: 3, max: 2}}}}", "min at most max"),
        ("data: {retention: 3 months}", "a duration such as"),
        ("feedback: {wait: 2024-01-01}", "a duration such as"),
        ("gate: []", "at least 1 item"),
        ("gate: ['fresh.macro_f1 > ']", "right of the comparison"),
        ("gate: [7]", "a condition such as"),
    ],
)
def test_a_wrong_value_is_told_with_what_was_expected(added: str, expected: str) -> None:
    (problem,) = problems(SMALL + added)
    assert expected in problem.expected
    assert problem.line == 5


@pytest.mark.parametrize(
    ("added", "key"),
    [
        ("data: {duplicates: {meaning: 0.95}}", "data.duplicates.meaning"),
        ("feedback: {unit: user}", "feedback.unit"),
    ],
)
def test_what_nobody_honours_can_not_be_declared(added: str, key: str) -> None:
    (problem,) = problems(SMALL + added)
    assert (problem.key, problem.line, problem.nearest) == (key, 5, None)
    section, _, _ = key.rpartition(".")
    published = load(SMALL).plain()
    inner = published
    for part in section.split("."):
        inner = inner[part]
    inner[key.rpartition(".")[2]] = "x"
    assert Workspace.read(published) == load(SMALL), "a spec of an older release is still read"


def test_every_problem_is_told_at_once_in_the_order_of_the_file() -> None:
    found = problems(SMALL + "trian: {}\ntrain: {budget: x}\ngate: [fresh.f1 > production]\nmonitor: {eror: adwin}")
    assert [(problem.key, problem.line) for problem in found] == [
        ("trian", 5),
        ("train.budget", 6),
        ("gate[0]", 7),
        ("monitor.eror", 8),
    ]


def test_a_task_that_is_not_there_is_one_problem_naming_the_nearest() -> None:
    (problem,) = problems(SMALL.replace("classify", "clasify"))
    assert (problem.key, problem.line, problem.nearest) == ("task", 3, "classify")
    (problem,) = problems(SMALL.replace("classify", "generate"))
    assert "classify" in problem.expected


@pytest.mark.parametrize("names", ["[late]", "[late, late]", "[late, ' lost']", "[late, 3]", "[]", "late"])
def test_labels_need_two_different_names(names: str) -> None:
    assert problems(SMALL.replace("[late, lost, damaged]", names))[0].line == 4


def test_a_patterns_line_is_told_where_a_list_goes_on() -> None:
    (problem,) = problems(SMALL + "data:\n  quality:\n    deny:\n      - fine\n      - '(?<=a)b'")
    assert (problem.key, problem.line) == ("data.quality.deny[1]", 9)


def test_what_the_guide_declares_is_taken() -> None:
    guide = Path(__file__).parents[3].joinpath("docs/guides/keep-data-clean.md").read_text()
    blocks = re.findall(r"```yaml\n(.*?)```", guide, re.DOTALL)
    assert len(blocks) == 3
    rules, personal, kept = (load(SMALL + block).data for block in blocks)
    assert kept.retention == timedelta(days=365)
    assert rules.quality.metadata["order"].required
    assert rules.quality.require == (r"\p{L}{2}",)
    assert (personal.pii, personal.national_ids) == ("pseudonymise", True)


def test_a_missing_key_is_required() -> None:
    assert ("owner", 1) in [(problem.key, problem.line) for problem in problems(SMALL.replace("owner", "#"))]


_LAUGHS = "a: &a [x,x,x,x,x,x,x,x,x]\nk0: &k0 [*a,*a,*a,*a,*a,*a,*a,*a,*a]\n" + "\n".join(
    f"k{n}: &k{n} [{','.join([f'*k{n - 1}'] * 9)}]" for n in range(1, 9)
)
_MALFORMED = [
    "",
    "a: [",
    "[" * 60000,
    "[" * 30000 + "]" * 30000,
    "- " * 9000,
    "a: &a [*a]",
    "\x00",
    "- a",
    "a: 1\na: 2",
    "? [a]\n: b",
]


@pytest.mark.parametrize("text", [*_MALFORMED, "x: !!python/object:os.system 1", _LAUGHS])
def test_a_file_that_is_no_declaration_is_refused_quickly(text: str) -> None:
    began = time.perf_counter()
    assert problems(text)
    assert time.perf_counter() - began < 2


def test_a_repeated_key_names_both_lines() -> None:
    (problem,) = problems(SMALL + "task: classify")
    assert problem.line == 5
    assert "line 3" in problem.expected


def test_a_problem_reads_as_a_sentence() -> None:
    assert re.fullmatch(r"line 5: trian: one of .* \(did you mean 'train'\?\)", str(problems(SMALL + "trian: 1")[0]))


def test_name_task_and_lanes_are_fixed_for_life() -> None:
    before = load(SMALL)
    assert changes_refused(before, load(SMALL + "record: best-effort")) == []
    assert [problem.key for problem in changes_refused(before, load(SMALL + "lanes: 3"))] == ["lanes"]


def test_an_off_signal_is_not_watched() -> None:
    assert set(load(SMALL + "monitor: {novelty: 'off'}").monitor.watched) == {"error", "confidence", "label_share"}


def test_a_stage_can_be_left_out_and_a_person_asked() -> None:
    rollout = load(SMALL + "rollout: {shadow: null, canary: null, approval: person}").rollout
    assert (rollout.shadow, rollout.canary, rollout.approval) == (None, None, "person")
    assert Workspace.read(load(SMALL + "rollout: {shadow: null}").plain()).rollout.shadow is None


def test_bases_that_a_team_added_are_known_where_they_are_of_a_kind_that_the_task_takes() -> None:
    text = SMALL + "train: {bases: [bert-de]}"
    assert load(text, bases={"bert-de": "encoder"}).train.bases == ("bert-de",)
    with pytest.raises(WorkspaceInvalid, match=r"train\.bases"):
        load(text, bases={"bert-de": "of no kind"})


def test_the_machine_of_a_run_is_declared() -> None:
    train = load(SMALL + "train: {device: gpu-if-there, precision: bfloat16, accumulate: 4, checkpoint: 90s}").train
    assert (train.device, train.precision, train.accumulate) == ("gpu-if-there", "bfloat16", 4)
    assert train.checkpoint == timedelta(seconds=90)
    with pytest.raises(WorkspaceInvalid, match="gpu"):
        load(SMALL + "train: {device: gpuu}")


def test_purposes_are_as_the_guides_say() -> None:
    """A source without any may be searched, whatever data.purposes say; its own have to name retrieve."""
    corpus = "corpora: {wiki: {sources: [docs]}}\n"
    quiet = load(SMALL + corpus + "sources: {docs: {kind: events}}\ndata: {purposes: [evaluate]}")
    assert quiet.purposes_of("docs") == ("evaluate",)
    assert load(SMALL + corpus + "sources: {docs: {kind: events, purposes: [retrieve]}}").purposes_of("docs") == (
        "retrieve",
    )
    for wrong in ("sources: {docs: {kind: events, purposes: [train]}}", "data: {purposes: [train, retrieve]}"):
        with pytest.raises(WorkspaceInvalid, match=r"retrieve|one of train, evaluate"):
            load(SMALL + corpus + wrong)


def test_a_corpus_of_a_source_that_nobody_declares_is_told_or_doubted() -> None:
    file = SMALL + "sources: {docs: {kind: events}}\ncorpora: {wiki: {sources: [docs, NAME]}}"
    with pytest.raises(WorkspaceInvalid) as refused:
        load(file.replace("NAME", "dosc"))
    [problem] = refused.value.problems
    assert (problem.key, problem.nearest) == ("corpora.wiki.sources[1]", "docs")
    assert "sources.dosc: {kind: events}" in problem.expected
    [doubt] = doubts(load(file.replace("NAME", "chat")))
    assert doubt.key == "corpora.wiki.sources[1]" and doubt.expected.startswith("chat is not declared under sources")
    declared = file.replace("NAME", "dosc").replace(
        "docs: {kind: events}", "docs: {kind: events}, dosc: {kind: events}"
    )
    assert not doubts(load(declared))
