from uuid import UUID

from millrace.events import Canary, Deployment, Route
from millrace.serving.domain import Applied, Report, assign, conclude, deployment, prediction_id

ONE, TWO, THREE = (UUID(int=number) for number in (1, 2, 3))


def version(name: str) -> Deployment:
    return Deployment(version=name, artifact=f"a/{name}", digest=name, task="classify", labels=["a", "b"])


def route(share: float | None, canary: str = "v2") -> Route:
    arm = Canary(deployment=version(canary), share=share) if share else None
    return Route(revision=1, workspace_revision=1, production=version("v1"), canary=arm)


UNITS = [f"customer-{number}" for number in range(4000)]


def test_the_canary_gets_its_share_of_units() -> None:
    for share in (0.1, 0.5):
        taken = sum(assign(route(share), unit) == "canary" for unit in UNITS) / len(UNITS)
        assert abs(taken - share) < 0.03


def test_a_unit_keeps_its_arm_and_a_growing_share_keeps_those_it_had() -> None:
    small = {unit for unit in UNITS if assign(route(0.1), unit) == "canary"}
    assert small == {unit for unit in UNITS if assign(route(0.1), unit) == "canary"}
    assert small < {unit for unit in UNITS if assign(route(0.5), unit) == "canary"}


def test_another_rollout_takes_other_units() -> None:
    first, second = ({unit for unit in UNITS if assign(route(0.2, name), unit) == "canary"} for name in ("v2", "v3"))
    assert len(first & second) < 0.4 * len(first)


def test_without_a_canary_production_answers() -> None:
    assert assign(route(None), "anyone") == "production"
    assert deployment(route(None), "canary") is None


def test_a_repeated_request_has_the_same_prediction_and_another_version_another() -> None:
    assert prediction_id("w", "q", "v1", "production") == prediction_id("w", "q", "v1", "production")
    others = {("w", "q", "v2", "production"), ("w", "q", "v1", "canary"), ("w2", "q", "v1", "production")}
    assert len({prediction_id(*other) for other in others} | {prediction_id("w", "q", "v1", "production")}) == 4  # type: ignore[arg-type]


def test_a_revision_is_ok_when_every_live_replica_has_it_or_a_later_one() -> None:
    reports = {ONE: [Report(4, True)], TWO: [Report(5, True)]}
    assert conclude(4, {ONE, TWO}, reports) == Applied(True, 2)
    assert conclude(4, {ONE, TWO, THREE}, reports) is None


def test_one_replica_that_cannot_fails_the_revision_without_waiting_for_the_others() -> None:
    reports = {ONE: [Report(4, False, "production: no blob")]}
    assert conclude(4, {ONE, TWO}, reports) == Applied(False, 2, "production: no blob")


def test_a_dead_replica_neither_blocks_nor_fails_a_revision() -> None:
    assert conclude(4, {ONE}, {ONE: [Report(4, True)], TWO: [Report(4, False, "gone")]}) == Applied(True, 1)
    assert conclude(4, set(), {}) is None


def test_a_later_failure_does_not_fail_what_was_overtaken() -> None:
    assert conclude(4, {ONE}, {ONE: [Report(5, False, "broken")]}) == Applied(True, 1)
