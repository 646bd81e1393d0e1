import asyncio
import json

import httpx
import pytest

from millrace.client import AsyncClient, Retries
from millrace.demo.customers import CUSTOMERS, LATER_SHARE, Crowd, Customers
from millrace.demo.facts import Facts
from millrace.demo.material import Text

OLD = [Text(f"an old message number {n} about a parcel", "late") for n in range(40)]
NEW = [Text(f"a new message number {n} about a locker", "locker") for n in range(40)]


class Services:
    """Answers `late` to everything, and fails every request whose text holds `fail_on`."""

    def __init__(self, fail_on: str = "\0", *, taken: int = 202) -> None:
        self.fail_on = fail_on
        self.taken = taken
        self.asked: list[dict[str, str]] = []
        self.told: list[dict[str, object]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        if request.url.path == "/v1/feedback":
            self.told += body
            return httpx.Response(self.taken, json={"ids": []})
        (asked,) = body["inputs"]
        self.asked.append(asked)
        if self.fail_on in asked["text"]:
            return httpx.Response(503)
        answer = {"workspace": "w", "request_id": asked["request_id"], "prediction_id": "p", "version": "w-1"}
        answer |= {"arm": "production", "label": "late", "probability": 0.7, "scores": {"late": 0.7}}
        return httpx.Response(200, json={"predictions": [answer]})


async def run(services: Services, crowd: Crowd, seconds: float) -> Facts:
    facts = Facts()

    transport = httpx.MockTransport(services)
    async with (
        AsyncClient("http://all", transport=transport, retries=Retries(attempts=1)) as client,
        Customers(client, client, crowd, facts, "w", a_second=200, label_after=0.05),
    ):
        await asyncio.sleep(seconds)
    return facts


async def test_customers_write_at_their_pace_and_half_are_labelled_later() -> None:
    services = Services()
    facts = await run(services, Crowd(OLD, NEW), 0.5)
    assert 70 <= len(facts.calls) <= 110
    labels = [one for one in services.told if one["kind"] == "label"]
    assert 0.3 < len(labels) / len(facts.calls) < 0.7
    assert all(one["source"] == "agent" and one["basis"] == "blind" and one["value"] == "late" for one in labels)
    assert {one["request_id"] for one in labels} <= {one["request_id"] for one in services.asked}
    assert facts.given["label"] == len(labels)


async def test_customers_rate_what_they_were_shown() -> None:
    services = Services()
    await run(services, Crowd(OLD, NEW), 0.5)
    ratings = [one for one in services.told if one["kind"] == "rating"]
    assert ratings
    assert all(one["basis"] == "shown" and one["prediction_id"] == "p" and one["value"] == 1.0 for one in ratings)


async def test_a_request_that_fails_is_counted_and_hinders_nobody() -> None:
    facts = await run(Services(fail_on="number 7 "), Crowd(OLD, NEW), 0.5)
    failed = [call for call in facts.calls if call.version is None]
    assert failed
    assert facts.failed == len(failed) < len(facts.calls) / 4
    assert "503" in failed[0].failure


async def test_a_call_that_fails_in_whatever_way_is_a_failed_request(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(AsyncClient, "predict", broken)
    facts = await run(Services(), Crowd(OLD, NEW), 0.2)
    assert facts.failed == len(facts.calls) > 0
    assert facts.failures == {"RuntimeError": facts.failed}


async def test_feedback_that_is_refused_is_counted_as_not_taken() -> None:
    facts = await run(Services(taken=422), Crowd(OLD, NEW), 0.5)
    assert not facts.failed
    assert facts.untaken.total()


def test_after_the_shift_a_share_of_what_is_written_is_new() -> None:
    crowd = Crowd(OLD, NEW)
    assert {crowd.next().truth for _ in range(200)} == {"late"}
    crowd.shifted = True
    share = sum(crowd.next().truth == "locker" for _ in range(1000)) / 1000
    assert abs(share - LATER_SHARE) < 0.06


def test_every_text_comes_up_before_any_comes_again() -> None:
    crowd = Crowd(OLD, NEW)
    first = [crowd.next().text.lower() for _ in range(len(OLD))]
    for text in OLD:
        assert any(text.text in written for written in first)


def test_customers_are_many_and_the_crowd_is_repeatable() -> None:
    one, other = Crowd(OLD, NEW), Crowd(OLD, NEW)
    requests = [one.next() for _ in range(3000)]
    assert requests == [other.next() for _ in range(3000)]
    assert len({request.id for request in requests}) == 3000
    assert 2400 < len({request.unit for request in requests}) <= CUSTOMERS
