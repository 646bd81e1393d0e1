"""The detectors: when they ring, when they don't, and that a restart changes nothing."""

import doctest
import json
import random
from importlib import import_module

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millrace.drift.detectors import DETECTORS, Adwin, Detector, StateCorrupt, restore
from millrace.drift.domain.calibration import level_for
from millrace.drift.domain.signals import SIGNALS

KINDS = sorted(DETECTORS)
RATE = 1 / 50_000 / 4


def calibrated(kind: str, signal: str = "error") -> Detector:
    return DETECTORS[kind](level_for(kind, signal, RATE))


def errors(seed: int, *parts: tuple[int, float]) -> list[float]:
    draw = random.Random(seed).random
    return [float(draw() < share) for length, share in parts for _ in range(length)]


def rings(detector: Detector, values: list[float]) -> list[int]:
    return [position for position, value in enumerate(values) if detector.update(value)]


@pytest.mark.parametrize("kind", KINDS)
def test_every_detector_shows_in_its_file_when_it_rings(kind: str) -> None:
    module = import_module(DETECTORS[kind].__module__)
    assert module.__name__.endswith(kind.replace("-", "_"))
    results = doctest.testmod(module)
    assert results.attempted >= 3
    assert not results.failed


@pytest.mark.parametrize(("kind", "within"), [("adwin", 150), ("hddm-a", 200), ("page-hinkley", 400)])
@pytest.mark.parametrize("seed", range(8))
def test_a_worsening_rings_within_bounds_and_not_before(kind: str, within: int, seed: int) -> None:
    first = rings(calibrated(kind), errors(seed, (600, 0.08), (600, 0.35)))[0]
    assert 600 <= first < 600 + within


@pytest.mark.parametrize("kind", KINDS)
def test_an_improvement_never_rings(kind: str) -> None:
    assert not rings(calibrated(kind), errors(3, (600, 0.4), (600, 0.05)))


@pytest.mark.parametrize("kind", KINDS)
def test_one_change_rings_once(kind: str) -> None:
    assert len(rings(calibrated(kind), errors(5, (1500, 0.08), (3000, 0.35)))) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_second_worsening_rings_again(kind: str) -> None:
    found = rings(calibrated(kind), errors(6, (1000, 0.05), (1000, 0.3), (1000, 0.7)))
    assert [position // 1000 for position in found] == [1, 2]


@pytest.mark.parametrize("kind", KINDS)
@given(seed=st.integers(0, 2**31), cuts=st.lists(st.integers(0, 899), min_size=1, max_size=5))
@settings(max_examples=25, deadline=None)
def test_a_restart_anywhere_gives_the_same_decisions(kind: str, seed: int, cuts: list[int]) -> None:
    draw = random.Random(seed).random
    values = [min(1.0, draw() * (0.3 if position < 450 else 0.9)) for position in range(900)]
    whole, restarted = calibrated(kind), calibrated(kind)
    for position, value in enumerate(values):
        if position in cuts:
            restarted = restore(json.loads(json.dumps(restarted.state(), allow_nan=False)))
        assert whole.update(value) == restarted.update(value)
    assert whole.state() == restarted.state()


def test_the_state_of_adwin_stays_small() -> None:
    detector = Adwin(0.01)
    for value in errors(1, (50_000, 0.1)):
        detector.update(value)
    assert len(json.dumps(detector.state())) < 4000


def test_a_damaged_state_is_told_and_does_not_panic() -> None:
    state = Adwin(0.01).state()
    for damaged in ({**state, "window": state["window"][:8]}, {**state, "detector": "ddm"}, {"detector": "adwin"}):
        with pytest.raises(StateCorrupt):
            restore(damaged)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("signal", sorted(SIGNALS))
def test_rarer_false_alarms_never_mean_a_readier_level(kind: str, signal: str) -> None:
    levels = [level_for(kind, signal, 10**-power) for power in (3, 4, 5, 6, 7)]
    assert levels == sorted(levels, reverse=kind != "page-hinkley")
    assert all(level > 0 for level in levels)


def test_a_level_between_two_measured_ones_lies_between_them() -> None:
    assert 0.04 < level_for("adwin", "error", 7e-6) < 0.08


def test_stable_streams_ring_about_as_seldom_as_calibrated() -> None:
    """At one in 10,000, 60 streams of 5,000 stable values should hold at most 30 alarms."""
    level = level_for("adwin", "error", 1 / 10_000)
    found = sum(len(rings(Adwin(level), errors(seed, (5000, 0.08)))) for seed in range(60))
    assert 0 < found <= 40
