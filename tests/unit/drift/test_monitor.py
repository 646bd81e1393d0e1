"""A monitor: its reference, its evidence, and that a restart changes nothing."""

import json
import random
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millrace.drift.detectors import DETECTORS
from millrace.drift.domain import Alarm, Monitor, Observation, series
from millrace.drift.domain.calibration import level_for
from millrace.drift.domain.history import History

LABELS = [f"intent-{number}" for number in range(10)]


def monitor(signal: str, *, detector: str = "adwin", reference: int = 300) -> Monitor:
    return Monitor.new(signal, DETECTORS[detector](level_for(detector, signal, 1 / 200_000)), reference)


def stream(signal: str, seed: int, stable: int, shifted: int) -> Iterator[Observation]:
    """Answers of a good classifier, then 30 % of inputs that it was not trained on (shapes as on Banking77)."""
    draw = random.Random(seed)
    for position in range(stable + shifted):
        strange = position >= stable and draw.random() < 0.3
        raws: dict[str, float | str] = {
            "confidence": draw.betavariate(2.2, 1.8) if strange else draw.betavariate(4, 0.45),
            "novelty": draw.gauss(0.37, 0.09) if strange else draw.gauss(0.22, 0.08),
            "error": 1.0 if strange else float(draw.random() < 0.07),
            "label_share": LABELS[0] if strange else draw.choice(LABELS),
        }
        yield Observation(raws[signal], 1_700_000_000_000 + 20 * position, f"p-{position}")


def alarms(watcher: Monitor, observations: Iterator[Observation]) -> list[tuple[int, Alarm]]:
    return [(place, alarm) for place, one in enumerate(observations) if (alarm := watcher.observe(one))]


@pytest.mark.parametrize(("signal", "within"), [("confidence", 300), ("error", 200), ("novelty", 600)])
@pytest.mark.parametrize("seed", range(6))
def test_a_shift_after_600_stable_predictions_is_found(signal: str, within: int, seed: int) -> None:
    found = alarms(monitor(signal), stream(signal, seed, 600, 600))
    assert len(found) == 1
    assert 600 <= found[0][0] < 600 + within


@pytest.mark.parametrize("seed", range(6))
def test_the_evidence_says_what_changed_and_when(seed: int) -> None:
    (place, alarm), *_ = alarms(monitor("confidence"), stream("confidence", seed, 600, 400))
    changed = (alarm.change_at - 1_700_000_000_000) / 20
    assert abs(changed - 600) <= 60
    assert alarm.since_change == alarm.predictions - changed
    assert alarm.predictions == place + 1
    assert alarm.before == pytest.approx(0.9, abs=0.03)
    assert alarm.after < alarm.before - 0.06
    assert len(alarm.examples) == 10
    assert all(int(name.removeprefix("p-")) >= changed for name in alarm.examples)


def test_nothing_rings_among_the_reference() -> None:
    assert not alarms(monitor("confidence", reference=1000), stream("confidence", 1, 400, 600))


def test_what_a_fitted_scale_holds_back_is_bounded() -> None:
    watcher = monitor("novelty", reference=1_000_000)
    for observation in stream("novelty", 1, 3000, 0):
        watcher.observe(observation)
        assert len(watcher.held) < 2000
    assert watcher.seen == 3000


def test_a_stable_stream_does_not_ring() -> None:
    for signal in ("confidence", "error", "novelty", "label_share"):
        assert not alarms(monitor(signal), stream(signal, 4, 5000, 0))


def test_answers_that_get_better_do_not_ring() -> None:
    good = [Observation(0.95, position, f"p-{position}") for position in range(1000)]
    poor = [Observation(0.5 + 0.1 * (position % 3), position, f"q-{position}") for position in range(1000)]
    assert not alarms(monitor("confidence"), iter(poor + good))


def test_a_label_that_takes_over_rings() -> None:
    draw = random.Random(2)
    before = [Observation(draw.choice(LABELS), place, f"p-{place}") for place in range(600)]
    after = [Observation("unheard" if draw.random() < 0.5 else LABELS[1], place, f"q-{place}") for place in range(600)]
    found = alarms(monitor("label_share", detector="page-hinkley"), iter(before + after))
    assert found and 600 <= found[0][0] < 1000


@given(
    seed=st.integers(0, 2**31),
    signal=st.sampled_from(["confidence", "novelty", "error", "label_share"]),
    cuts=st.sets(st.integers(0, 899), max_size=4),
)
@settings(max_examples=30, deadline=None)
def test_a_restart_anywhere_gives_the_same_alarms(seed: int, signal: str, cuts: set[int]) -> None:
    whole, restarted = monitor(signal), monitor(signal)
    for place, observation in enumerate(stream(signal, seed, 500, 400)):
        if place in cuts:
            restarted = Monitor.restore(json.loads(json.dumps(restarted.state(), allow_nan=False)))
        assert whole.observe(observation) == restarted.observe(observation)
    assert whole.state() == restarted.state()


def test_the_state_is_bounded() -> None:
    watcher = monitor("confidence")
    sizes = []
    for observation in stream("confidence", 1, 60_000, 0):
        watcher.observe(observation)
        if watcher.seen in (2_000, 20_000, 60_000):
            sizes.append(len(json.dumps(watcher.state())))
    assert sizes[-1] < 20_000
    assert sizes[-1] < 1.6 * sizes[0]


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=3000))
@settings(max_examples=40, deadline=None)
def test_a_history_loses_no_value_and_leaves_no_gap(values: list[int]) -> None:
    history = History()
    for position, value in enumerate(values):
        history.append(position, value)
    blocks = list(history.blocks())
    assert sum(block.size for block in blocks) == len(values) == history.count
    assert round(sum(block.total for block in blocks) * 10_000) == sum(values)
    assert [block.start for block in blocks] == [block.at for block in blocks]
    assert History.restore(json.loads(json.dumps(history.state()))) == history


def test_a_chart_has_few_points_and_all_predictions() -> None:
    watcher = monitor("confidence")
    for observation in stream("confidence", 3, 7000, 300):
        watcher.observe(observation)
    points = series(watcher, 120)
    assert 20 <= len(points) <= 240
    assert 7280 <= sum(point.n for point in points) <= 7300
    assert [point.at for point in points] == sorted(point.at for point in points)
    assert points[0].mean == pytest.approx(0.9, abs=0.05)
