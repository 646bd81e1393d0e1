import json

import httpx
import pytest

from millrace.client import AsyncClient, Client, NotFound, Refused, Retries, Services, Unreachable, document, feedback

SERVICES = Services("http://in", "http://serve", "http://told/")
TAKEN = httpx.Response(202, json={"accepted": 1, "records": [{"id": "1", "outcome": "accepted", "reasons": []}]})
SWIFT = Retries(attempts=4, first=0.0, longest=0.0)
ANSWER = {
    "workspace": "parcels",
    "request_id": "r-1",
    "prediction_id": "p-1",
    "version": "parcels-1",
    "arm": "canary",
    "label": "late",
    "probability": 0.8,
    "scores": {"late": 0.8, "lost": 0.2},
}


class Recorder:
    """Answers each request with the next of `answers` (the last for ever), and keeps what was asked."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)

    def bodies(self) -> list[object]:
        return [json.loads(request.content) for request in self.asked]


def client(recorder: Recorder, retries: Retries = SWIFT) -> Client:
    return Client(SERVICES, retries=retries, transport=httpx.MockTransport(recorder))


def test_events_go_out_as_a_batch_of_cloudevents() -> None:
    recorder = Recorder(TAKEN)
    client(recorder).publish(document("parcels", "Wo ist es? 🚚", source="crm", label="late"))
    (request,) = recorder.asked
    assert str(request.url) == "http://in/v1/events"
    assert request.headers["content-type"] == "application/cloudevents-batch+json"
    (event,) = json.loads(request.content)
    assert event["type"] == "document.submitted.v1"
    assert event["data"] == {"workspace": "parcels", "source": "crm", "text": "Wo ist es? 🚚", "label": "late"}


def test_more_events_than_one_request_may_hold_go_out_in_order() -> None:
    recorder = Recorder(TAKEN)
    client(recorder).publish(*(document("parcels", str(n), source="crm") for n in range(1201)))
    assert [len(body) for body in recorder.bodies()] == [500, 500, 201]
    assert [event["data"]["text"] for body in recorder.bodies() for event in body] == [str(n) for n in range(1201)]


def test_an_attempt_that_is_repeated_carries_the_same_ids() -> None:
    recorder = Recorder(httpx.ConnectError("gone"), httpx.Response(503), TAKEN)
    client(recorder).publish(document("parcels", "Where is it?", source="crm"))
    first, second, third = recorder.bodies()
    assert first == second == third


def test_a_prediction_that_is_repeated_keeps_its_request_id() -> None:
    recorder = Recorder(httpx.ReadTimeout("slow"), httpx.Response(200, json={"predictions": [ANSWER]}))
    answer = client(recorder).predict("parcels", "Where is it?", unit="user-1")
    first, second = recorder.bodies()
    assert first == second
    assert first["inputs"][0]["unit"] == "user-1"
    assert (answer.label, answer.arm, answer.scores["lost"]) == ("late", "canary", 0.2)


@pytest.mark.parametrize("status", [202, 422])
def test_each_event_has_a_receipt_and_a_bad_one_hinders_no_other(status: int) -> None:
    reason = {"code": "too_short", "field": "text", "expected": "at least 5 characters"}
    records = [{"id": "1", "outcome": "accepted"}, {"id": "2", "outcome": "rejected", "reasons": [reason]}]
    recorder = Recorder(httpx.Response(status, json={"records": records}))
    good, bad = client(recorder).publish(*(document("parcels", text, source="crm") for text in ("Where?", "x")))
    assert good.taken
    assert not bad.taken
    assert bad.reasons[0]["code"] == "too_short"


def test_large_events_go_out_in_several_requests_and_one_too_large_alone() -> None:
    refused = httpx.Response(413, json={"error": {"code": "too_large", "message": "the body is longer than 9 bytes"}})
    texts = ["small", "x" * 3_000_000, "y" * 3_000_000, "z" * 9_000_000, "small too"]
    one = httpx.Response(202, json={"records": [{"id": "1", "outcome": "accepted"}]})
    two = httpx.Response(202, json={"records": [{"id": "1", "outcome": "accepted"}] * 2})
    recorder = Recorder(two, one, refused, one)
    told = client(recorder).publish(*(document("parcels", text, source="crm") for text in texts))
    assert [len(body) for body in recorder.bodies()] == [2, 1, 1, 1]  # type: ignore[arg-type]
    assert [receipt.taken for receipt in told] == [True, True, True, False, True]
    assert (told[3].outcome, told[3].reasons[0]["expected"]) == ("rejected", "the body is longer than 9 bytes")


@pytest.mark.parametrize("value", [float("nan"), object(), {1, 2}])
def test_what_json_has_no_words_for_is_told_by_its_event_before_anything_is_sent(value: object) -> None:
    recorder = Recorder(TAKEN)
    odd = document("parcels", "Where?", source="crm", metadata={"a": value}, id="odd-1")  # type: ignore[dict-item]
    with pytest.raises(ValueError, match="event odd-1 can't be written as JSON"):
        client(recorder).publish(document("parcels", "Where?", source="crm"), odd)
    assert not recorder.asked


def test_several_texts_are_answered_in_one_request() -> None:
    recorder = Recorder(httpx.Response(200, json={"predictions": [ANSWER, {**ANSWER, "label": "lost"}]}))
    answers = client(recorder).predict_all("parcels", ["one", "two"], request_ids=["a", "b"])
    assert [answer.label for answer in answers] == ["late", "lost"]
    assert recorder.bodies() == [{"inputs": [{"text": "one", "request_id": "a"}, {"text": "two", "request_id": "b"}]}]


def test_a_search_says_what_is_wanted_and_gives_passages_back() -> None:
    passage = {
        "document_id": "d-1", "source": "wiki", "language": None, "metadata": {"product": "letters"}, "chunk": 2,
        "start": 10, "stop": 17, "text": "Returns", "score": 0.03, "scores": {"text": 0.2}, "places": {"text": 1},
    }  # fmt: skip
    recorder = Recorder(httpx.Response(200, json={"results": [passage]}))
    millrace = client(recorder)
    (found,) = millrace.search("parcels", "returns", corpus="handbook")
    assert (found.document_id, found.text, found.scores) == ("d-1", "Returns", {"text": 0.2})
    millrace.search("parcels", "x", corpus="a", source=("b", "c"), language="en", metadata={"p": "q"}, snapshot="v1")
    assert str(recorder.asked[0].url) == "http://serve/v1/workspaces/parcels/search"
    plain = {"corpus": "handbook", "query": "returns", "top_k": 10, "mode": "hybrid", "filter": {}, "snapshot": None}
    narrow = {"source": ["b", "c"], "language": "en", "metadata": {"p": "q"}}
    assert recorder.bodies() == [
        plain,
        {**plain, "corpus": "a", "query": "x", "filter": narrow, "snapshot": "v1"},
    ]


def test_feedback_carries_its_id_and_names_what_it_joins() -> None:
    recorder = Recorder(httpx.Response(202))
    told = feedback("parcels", "label", "late", source="agent", request_id="r-1")
    client(recorder).feedback(told)
    assert str(recorder.asked[0].url) == "http://told/v1/feedback"
    assert recorder.bodies()[0][0].items() >= {"id": told.id, "request_id": "r-1", "basis": "blind"}.items()


def test_feedback_that_nothing_could_be_joined_to_is_refused_before_it_is_sent() -> None:
    with pytest.raises(ValueError, match="request_id or prediction_id"):
        feedback("parcels", "label", "late", source="agent")


def test_a_refusal_says_what_the_service_said_and_is_not_repeated() -> None:
    said = {"error": {"code": "invalid", "message": "text: too long", "field": "text"}}
    recorder = Recorder(httpx.Response(422, json=said))
    with pytest.raises(Refused) as caught:
        client(recorder).publish(document("parcels", "x", source="crm"))
    assert (caught.value.status, caught.value.code, caught.value.facts["field"]) == (422, "invalid", "text")
    assert len(recorder.asked) == 1


def test_what_is_not_there_has_an_error_of_its_own() -> None:
    recorder = Recorder(httpx.Response(404, json={"error": {"code": "unknown", "message": "no workspace parcls"}}))
    with pytest.raises(NotFound, match="parcls"):
        client(recorder).predict("parcls", "x")


def test_an_error_page_of_a_proxy_is_still_a_refusal() -> None:
    with pytest.raises(Refused, match="400"):
        client(Recorder(httpx.Response(400, text="<html>no</html>"))).predict("parcels", "x")


def test_attempts_end_and_the_last_failure_is_told() -> None:
    recorder = Recorder(httpx.Response(429, headers={"retry-after": "0"}))
    with pytest.raises(Unreachable, match="429") as caught:
        client(recorder).publish(document("parcels", "x", source="crm"))
    assert caught.value.attempts == len(recorder.asked) == 4


async def test_the_async_client_does_the_same() -> None:
    recorder = Recorder(
        httpx.ConnectError("gone"), httpx.Response(503), httpx.Response(200, json={"predictions": [ANSWER]})
    )
    async with AsyncClient("http://one", retries=SWIFT, transport=httpx.MockTransport(recorder)) as millrace:
        answer = await millrace.predict("parcels", "Where is it?")
        await millrace.feedback(feedback("parcels", "rating", -1.0, source="customer", request_id=answer.request_id))
    bodies = recorder.bodies()
    assert bodies[0] == bodies[1] == bodies[2]
    assert bodies[3][0]["value"] == -1.0


async def test_the_async_client_gives_up_too() -> None:
    recorder = Recorder(httpx.ConnectError("gone"))
    async with AsyncClient("http://one", retries=SWIFT, transport=httpx.MockTransport(recorder)) as millrace:
        with pytest.raises(Unreachable, match="ConnectError gone"):
            await millrace.publish(document("parcels", "x", source="crm"))
    assert len(recorder.asked) == 4
