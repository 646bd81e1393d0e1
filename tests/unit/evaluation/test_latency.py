from millrace.evaluation.domain.latency import Slowness


def test_the_usual_p99_is_the_second_slowest_of_a_hundred() -> None:
    slowness = Slowness()
    for number in range(100):
        assert slowness.p99 is None
        slowness.observe(float(number))
    assert slowness.p99 == 98.0


def test_a_burst_of_slow_answers_does_not_move_it() -> None:
    slowness = Slowness()
    for number in range(900):
        slowness.observe(400.0 if 300 <= number < 500 else 10.0)
    assert slowness.p99 == 10.0


def test_it_follows_a_lasting_change() -> None:
    slowness = Slowness()
    for number in range(4000):
        slowness.observe(10.0 if number < 2000 else 30.0)
    assert slowness.p99 == 30.0
    assert Slowness.from_json(slowness.to_json()) == slowness
