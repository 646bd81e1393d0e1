import pytest

from millrace.client import Retries
from millrace.client.retries import retry_after


def test_waits_double_up_to_the_longest() -> None:
    retries = Retries(attempts=6, first=1.0, longest=5.0, chance=lambda: 0.5)
    assert [retries.wait(attempt) for attempt in range(1, 7)] == [1.0, 2.0, 4.0, 5.0, 5.0, None]


def test_waits_are_spread_so_that_callers_do_not_come_back_together() -> None:
    low, high = (Retries(first=1.0, chance=lambda c=c: c).wait(1) for c in (0.0, 0.999))
    assert (low, high) == (0.5, pytest.approx(1.499))


def test_a_service_may_ask_for_patience_but_not_for_ever() -> None:
    retries = Retries(first=0.1, patience=30.0, chance=lambda: 0.5)
    assert retries.wait(1, 7.0) == 7.0
    assert retries.wait(1, 3600.0) == 30.0


@pytest.mark.parametrize(
    ("header", "seconds"), [("3", 3.0), ("0.5", 0.5), ("-1", 0.0), ("Wed, 21 Oct 2026 07:28:00 GMT", None)]
)
def test_retry_after_is_read_in_seconds(header: str, seconds: float | None) -> None:
    assert retry_after({"retry-after": header}) == seconds


def test_without_retry_after_the_back_off_is_ours() -> None:
    assert retry_after({}) is None
