"""Whatever the order, however often told: one production, one rollout, rising revisions."""

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from registry_facts import (
    evaluation_failed,
    model_evaluated,
    model_trained,
    rollout_judged,
    route_applied,
    standing,
)

from millrace.chassis.errors import Conflict, NotFound
from millrace.events import Signature
from millrace.registry import domain
from millrace.registry.domain import Asked, Noted, Plan, Routed, Staged, Turn


class Registry(RuleBasedStateMachine):
    """Every fact that could be told is told in any order, stale ones and repeated ones among them."""

    def __init__(self) -> None:
        super().__init__()
        self.standing = standing()
        self.revisions = [0]
        self.questions: list[Asked] = []
        self.runs = 0

    def turn(self, turn: Turn) -> None:
        before, self.standing = self.standing, turn.standing
        for name, version in before.versions.items():
            now = turn.standing.versions[name]
            assert not (version.hold and now.hold) or version.stage == now.stage, "a hold keeps a version where it is"
        for decision in turn.decisions:
            if isinstance(decision, Routed):
                self.revisions.append(decision.route.revision)
            if isinstance(decision, Asked):
                self.questions.append(decision)
        staged = [d for d in turn.decisions if isinstance(d, Staged)]
        assert all(d.version is None or d.version.stage == d.stage for d in staged)
        if all(isinstance(d, Noted) for d in turn.decisions):
            assert turn.standing.route == before.route
        for name, value in before.best.items():
            assert turn.standing.best[name] >= value

    @rule(
        shadow=st.booleans(),
        shares=st.sampled_from([(), (0.5,), (0.1, 0.5)]),
        approval=st.sampled_from(["none", "person", "four-eyes"]),
        otherwise=st.sampled_from(["roll-back", "promote"]),
    )
    def declare(self, shadow: bool, shares: tuple[float, ...], approval: str, otherwise: Any) -> None:
        plan = Plan(
            self.standing.plan.revision + 1, shadow, shares, approval != "none", approval == "four-eyes", otherwise
        )
        self.turn(Turn(self.standing).keep(plan=plan))

    @rule(again=st.booleans())
    def train(self, again: bool) -> None:
        self.runs += 0 if again and self.runs else 1
        self.turn(domain.trained(self.standing, model_trained(f"run-{self.runs}")))

    @rule(golden=st.sampled_from([0.5, 0.9]))
    def pass_a_new_one(self, golden: float) -> None:
        self.train(again=False)
        version = f"w-{self.standing.numbered}"
        self.turn(domain.inspected(self.standing, version, None))
        asked = self.questions[-1]
        told = model_evaluated(version, asked.route.revision, "pass", against=asked.version.against, golden=golden)
        self.turn(domain.evaluated(self.standing, told))

    @rule(data=st.data(), harmless=st.booleans())
    def inspect(self, data: st.DataObject, harmless: bool) -> None:
        if self.standing.versions:
            version = data.draw(st.sampled_from(sorted(self.standing.versions)))
            self.turn(domain.inspected(self.standing, version, None if harmless else "weights.pkl"))

    @rule(data=st.data(), verdict=st.sampled_from(["pass", "pass", "fail", "inconclusive", "failed"]))
    def evaluate(self, data: st.DataObject, verdict: Any) -> None:
        if not self.questions:
            return
        question = data.draw(st.sampled_from(self.questions))
        version, revision = question.version, question.route.revision
        if verdict == "failed":
            return self.turn(domain.evaluation_failed(self.standing, evaluation_failed(version.id, revision)))
        golden = data.draw(st.sampled_from([0.5, 0.9]))
        told = model_evaluated(version.id, revision, verdict, against=version.against, golden=golden)
        self.turn(domain.evaluated(self.standing, told))

    @rule(data=st.data(), verdict=st.sampled_from(["promote", "roll-back", "inconclusive"]), lag=st.integers(0, 2))
    def judge(self, data: st.DataObject, verdict: Any, lag: int) -> None:
        if self.standing.versions:
            version = data.draw(st.sampled_from(sorted(self.standing.versions)))
            step = data.draw(st.sampled_from(["shadow", "canary"]))
            revision = max(0, self.standing.route.revision - lag)
            self.turn(domain.judged(self.standing, rollout_judged(version, revision, step, verdict)))

    @rule(verdict=st.sampled_from(["promote", "promote", "roll-back"]))
    def judge_the_step(self, verdict: Any) -> None:
        rollout = self.standing.rollout
        if rollout and rollout.step and rollout.step.stage != "production":
            told = rollout_judged(rollout.version, self.standing.route.revision, rollout.step.stage, verdict)
            self.turn(domain.judged(self.standing, told))

    @rule(ok=st.booleans(), lag=st.integers(0, 2))
    def apply(self, ok: bool, lag: int) -> None:
        revision = max(0, self.standing.route.revision - lag)
        self.turn(domain.applied(self.standing, route_applied(revision, ok=ok)))

    @rule(data=st.data(), lag=st.sampled_from([0, 0, 1]))
    def command(self, data: st.DataObject, lag: int) -> None:
        if not self.standing.versions:
            return
        version = data.draw(st.sampled_from(sorted(self.standing.versions)))
        seen = self.standing.route.revision - lag
        try:
            what = data.draw(st.sampled_from(["promote", "approve", "back"]))
            by = data.draw(st.sampled_from(["ada", "ben"]))
            if what == "promote":
                self.turn(domain.promote(self.standing, version, seen=seen, by=by))
            elif what == "approve":
                request, rollout = self.standing.request, self.standing.rollout
                turn = domain.approve(self.standing, version, seen=seen, by=by)
                asked = request and request.version == version and not (rollout and rollout.version == version)
                assert not (asked and self.standing.plan.four_eyes and request.by == by)
                self.turn(turn)
            else:
                to = data.draw(st.sampled_from([None, version]))
                self.turn(domain.roll_back(self.standing, seen=seen, by="ada", to=to))
        except (Conflict, NotFound):
            pass

    @rule(data=st.data(), what=st.sampled_from(["hold", "hold", "release", "sign", "sign first"]))
    def keep(self, data: st.DataObject, what: str) -> None:
        if not self.standing.versions:
            return
        version = data.draw(st.sampled_from(sorted(self.standing.versions)))
        signature = Signature(key="k", value=data.draw(st.sampled_from(["one", "another"])))
        try:
            match what:
                case "hold":
                    self.turn(domain.hold(self.standing, version, by="ada", reason="wait"))
                case "release":
                    self.turn(domain.release(self.standing, version, by="ben"))
                case "sign":
                    self.turn(domain.sign_anew(self.standing, version, signature, by="ada"))
                case _:
                    inspected = [v.id for v in self.standing.versions.values() if v.asked is not None]
                    self.turn(domain.sign_first(self.standing, dict.fromkeys(inspected, signature), {}))
        except (Conflict, NotFound):
            pass

    @invariant()
    def revisions_rise_by_one(self) -> None:
        assert self.revisions == list(range(len(self.revisions)))
        assert self.standing.route.revision == self.revisions[-1]

    @invariant()
    def the_route_and_the_stages_say_the_same(self) -> None:
        by_stage = {stage: [v.id for v in self.standing.versions.values() if v.stage == stage] for stage in STAGES}
        route = self.standing.route
        assert by_stage["production"] == ([route.production.version] if route.production else [])
        for stage, deployment in (("shadow", route.shadow), ("canary", route.canary and route.canary.deployment)):
            off = [name for name in by_stage[stage] if self._harmed(name)]
            assert [name for name in by_stage[stage] if name not in off] == ([deployment.version] if deployment else [])
        assert not (route.shadow and route.canary)

    def _harmed(self, name: str) -> bool:
        """Held, and without traffic since it did harm."""
        version = self.standing.version(name)
        return bool(version.hold and version.owed and version.owed.move == "roll-back")

    @invariant()
    def every_deployment_of_the_route_is_the_version_s_own(self) -> None:
        for deployment in self.standing.route.deployments():
            assert deployment == self.standing.version(deployment.version).deployment

    @invariant()
    def only_what_is_held_or_waits_for_production_is_owed_anything(self) -> None:
        production = self.standing.production
        kept = production is not None and self.standing.version(production).hold is not None
        for version in self.standing.versions.values():
            assert not version.owed or version.hold or kept

    @invariant()
    def a_rollout_is_of_a_version_on_its_way(self) -> None:
        rollout = self.standing.rollout
        if rollout:
            version = self.standing.version(rollout.version)
            assert version.stage in {"registered", "shadow", "canary"}
            assert rollout.step is not None or rollout.awaiting or version.owed

    @invariant()
    def nothing_that_passed_is_forgotten(self) -> None:
        waiting = [v for v in self.standing.versions.values() if v.passed and v.stage == "registered" and not v.hold]
        assert self.standing.rollout or not waiting

    @invariant()
    def no_refused_artifact_is_ever_routed(self) -> None:
        for deployment in self.standing.route.deployments():
            assert self.standing.version(deployment.version).asked is not None


STAGES = ("production", "shadow", "canary")
TestRegistry = Registry.TestCase
TestRegistry.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
