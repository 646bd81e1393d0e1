import numpy as np

from millrace.evaluation.domain.allocation import Allocation


def mismatched(seed: int, *, share: float, actual: float, units: int, alpha: float) -> bool:
    allocation = Allocation(share)
    for place in np.random.default_rng(seed).random(units):
        allocation.observe(bool(place < actual))
    return allocation.mismatched(alpha)


def test_fair_canaries_are_voided_no_more_often_than_alpha() -> None:
    voided = [mismatched(seed, share=0.2, actual=0.2, units=1500, alpha=0.05) for seed in range(200)]
    assert np.mean(voided) <= 0.07


def test_a_wrong_share_is_found() -> None:
    assert all(mismatched(seed, share=0.2, actual=0.3, units=1500, alpha=0.001) for seed in range(20))


def test_state_survives_a_restart() -> None:
    allocation = Allocation(0.2)
    allocation.observe(True)
    assert Allocation.from_json(allocation.to_json()) == allocation
