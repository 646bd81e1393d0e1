"""Whatever the order, however often told: at most one open cycle, one retraining for one drift, nothing forgotten."""

from typing import Any
from uuid import UUID

import training_facts as facts
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from training_facts import POLICY, at

from millrace.training import domain
from millrace.training.domain import Alerted, Closed, CycleOpen, GaveUp, Opened, Track, Turn


class Training(RuleBasedStateMachine):
    """Triggers, datasets and ends in any order, each told again at any later time."""

    def __init__(self) -> None:
        super().__init__()
        self.track = Track("w")
        self.clock = 0.0
        self.names = 0
        self.versions = 0
        self.opened: list[domain.Cycle] = []
        self.closed: list[UUID] = []
        self.alerts = 0
        self.told: list[Any] = []

    def turn(self, turn: Turn) -> None:
        before, self.track = self.track, turn.track
        for decision in turn.decisions:
            if isinstance(decision, Opened):
                assert decision.cycle.id not in {cycle.id for cycle in self.opened}
                self.opened.append(decision.cycle)
            if isinstance(decision, Closed):
                self.closed.append(decision.cycle.id)
            if isinstance(decision, GaveUp):
                assert turn.track.cycle and turn.track.cycle.state == "judging"
            self.alerts += isinstance(decision, Alerted)
        if before.cycle and turn.track.cycle != before.cycle:
            order = ["waiting", "training", "judging"]
            same = turn.track.cycle and turn.track.cycle.id == before.cycle.id
            if same and turn.track.cycle:
                assert order.index(turn.track.cycle.state) > order.index(before.cycle.state)
            else:
                assert before.cycle.id in self.closed

    def tell(self, function: Any, event: Any, *more: Any) -> None:
        self.told.append((function, event))
        self.turn(function(self.track, event, *more))

    def name(self) -> str:
        self.names += 1
        self.clock += 10
        return f"event {self.names}"

    @initialize(first=st.sampled_from([True, True, False]))
    def begin(self, first: bool) -> None:
        if first:
            self.grow()
            self.run_to_the_end("production")

    @rule(back=st.sampled_from([0, 0, 5, 60]), old=st.sampled_from([False, False, True]))
    def drift(self, back: int, old: bool) -> None:
        version = f"w-{max(1, self.versions - old)}"
        event = facts.drift(self.name(), version, self.clock, change=self.clock - back)
        self.tell(domain.drifted, event, POLICY, at(self.clock))

    @rule()
    def grow(self) -> None:
        self.tell(domain.grown, facts.grown(self.name(), self.clock), POLICY, at(self.clock))

    @rule()
    def ask(self) -> None:
        try:
            self.turn(domain.by_hand(self.track, facts.ask(self.name(), self.clock), POLICY, at(self.clock)))
        except CycleOpen:
            assert self.track.cycle

    @rule(ok=st.sampled_from([True, True, False]))
    def cut(self, ok: bool) -> None:
        self.name()
        if self.track.cycle and self.track.cycle.state == "waiting":
            if ok:
                self.tell(domain.released, facts.released(self.track.cycle.id, self.clock))
            else:
                self.tell(domain.dataset_failed, facts.dataset_failed(self.track.cycle.id, self.clock))

    @rule()
    def choose(self) -> None:
        if self.track.cycle:
            self.turn(domain.picked(self.track, self.track.cycle.id))

    @rule(state=st.sampled_from(["waiting", "training", "judging"]), data=st.data())
    def ring(self, state: str, data: st.DataObject) -> None:
        if self.opened:
            cycle = data.draw(st.sampled_from(self.opened))
            self.turn(domain.overdue(self.track, cycle.id, state))

    @rule(stage=st.sampled_from(["shadow", "canary", "production", "rejected", "rolled-back", "refused"]))
    def stage(self, stage: Any) -> None:
        self.name()
        cycle = self.track.cycle
        if not cycle or cycle.state != "judging":
            return
        if cycle.dataset is None:
            stage = "failed"
        new = f"w-{self.versions + 1}"
        self.versions += stage == "production"
        production = new if stage == "production" else self.track.production
        event = facts.staged(stage, new, production=production, cycle=cycle.id, seconds=self.clock)
        self.tell(domain.staged, event, POLICY, at(self.clock))

    @rule(stage=st.sampled_from(["production", "rejected", "rejected", "rejected"]))
    def run_to_the_end(self, stage: Any) -> None:
        """The whole way of an open cycle at once, so that several of them come one after the other."""
        self.cut(ok=True)
        self.choose()
        self.stage(stage)

    @rule(data=st.data())
    def again(self, data: st.DataObject) -> None:
        """A trigger or a dataset told again. (Stages come in order, once: the inbox sees to that.)"""
        triggers = [pair for pair in self.told if pair[0] is not domain.staged]
        if triggers:
            function, event = data.draw(st.sampled_from(triggers))
            more = () if function in (domain.released, domain.dataset_failed) else (POLICY, at(self.clock))
            self.turn(function(self.track, event, *more))

    @invariant()
    def at_most_one_cycle_is_open(self) -> None:
        still = [cycle.id for cycle in self.opened if cycle.id not in self.closed]
        assert still == ([self.track.cycle.id] if self.track.cycle else [])
        assert len(self.closed) == len(set(self.closed))

    @invariant()
    def no_drift_has_more_than_two_attempts(self) -> None:
        drifts = [cycle.drift_id for cycle in self.opened if cycle.drift_id]
        assert all(drifts.count(drift) <= 2 for drift in drifts)
        assert all(cycle.attempt <= 2 for cycle in self.opened)

    @invariant()
    def a_change_that_a_version_in_production_has_seen_is_never_trained_for_again(self) -> None:
        cycle = self.track.cycle
        if cycle and cycle.because == "drift" and cycle.change_point and cycle.attempt == 1:
            assert cycle.version == self.track.production
            assert not self.track.covered or cycle.change_point > self.track.covered

    @invariant()
    def nothing_waits_while_no_cycle_is_open_but_drift_of_a_version_unknown_yet(self) -> None:
        if self.track.cycle is None:
            known = {self.track.production, *self.track.past}
            assert all(ask.because == "drift" and ask.version not in known for ask in self.track.pending)


TestTraining = Training.TestCase
TestTraining.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
