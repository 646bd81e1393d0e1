"""train.search, train.settings and train.daily: what may be declared, and what is told of a slip."""

import pytest

from millrace.workspace import Workspace, WorkspaceInvalid, load

FILE = "workspace: parcels\nowner: a\ntask: classify\nlabels: {names: [late, lost]}\ntrain: "


def test_one_line_asks_for_a_search_and_the_rest_is_by_default() -> None:
    search = load(f"{FILE}{{search: {{trials: 12}}}}").train.search
    assert search and (search.trials, search.parallel, search.prune) == (12, 2, True)
    assert (search.time, search.cost, search.space) == (None, None, {})
    assert load(f"{FILE}{{}}").train.search is None


def test_what_is_declared_is_published_and_read_back() -> None:
    space = "{rate: {low: 1e-5, high: 1e-3, log: true}, rank: [4, 8]}"
    search = f"search: {{time: 1h, space: {space}}}"
    declared = load(f"{FILE}{{methods: [lora], {search}, settings: {{lora: {{epochs: 2}}}}, daily: {{cost: 3}}}}")
    assert Workspace.read(declared.plain()) == declared
    told = declared.plain()["train"]
    assert told["search"]["space"] == {"rate": {"low": 1e-5, "high": 1e-3, "log": True}, "rank": [4.0, 8.0]}
    assert told["daily"] == {"time": None, "cost": 3.0}


@pytest.mark.parametrize(
    ("train", "told"),
    [
        ("{search: {trial: 3}}", "train.search.trial: one of trials, .*did you mean 'trials'"),
        ("{search: {space: {rat: [1, 2]}}}", "train.search.space.rat: one of .*did you mean 'rate'"),
        (
            "{methods: [linear-probe], search: {space: {rank: [4]}}}",
            "train.search.space.rank: one of C, max_iterations",
        ),
        ("{search: {space: {rate: {low: 3, high: 1}}}}", "train.search.space.rate: low and high with low < high"),
        ("{search: {space: {rate: {low: 1, high: 2, among: [1]}}}}", "rate: either low and high, or a list"),
        ("{methods: [lora], search: {space: {rank: [4.5]}}}", "train.search.space.rank: whole numbers"),
        ("{settings: {lorra: {rank: 3}}}", "train.settings.lorra: .*did you mean 'lora'"),
        ("{settings: {lora: {rnk: 3}}}", "train.settings.lora.rnk: .*did you mean 'rank'"),
        ("{settings: {lora: {rank: 0}}}", "train.settings.lora.rank: more than 0"),
        ("{daily: {tim: 3h}}", "train.daily.tim: one of time, cost"),
    ],
)
def test_a_slip_is_named_with_what_may_be_meant(train: str, told: str) -> None:
    with pytest.raises(WorkspaceInvalid, match=told):
        load(FILE + train)


def test_pruning_means_nothing_where_nothing_is_judged_on_the_way() -> None:
    speaks = "workspace: parcels\nowner: a\ntask: generate\ntrain: {search: {prune: true}}"
    with pytest.raises(WorkspaceInvalid, match=r"train.search.prune: no prune"):
        load(speaks)
    text = """
workspace: stations
owner: a
task: tabular
entity: station
features: {load_1h: {mean: load, over: 1h}}
target: {name: load, kind: regression, horizon: 1h}
train: {search: {prune: true}}
"""
    with pytest.raises(WorkspaceInvalid, match=r"train.search.prune: no prune"):
        load(text)
