"""What is kept of a submission, and what a workspace has against it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from millrace.events import (
    DocumentRejected,
    DocumentSubmitted,
    Envelope,
    InteractionLogged,
    ObservationSubmitted,
    Origin,
    Reason,
)
from millrace.ingestion.domain.documents import Document, Mask, Submission, Verdict, judged, masked, submission
from millrace.ingestion.domain.observations import Observation, judged_observation, masked_observation
from millrace.ingestion.domain.quarantine import decided
from millrace.ingestion.domain.urls import sites
from millrace.privacy import Policy, derived_key
from millrace.workspace import Workspace, load

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
_ID = UUID("00000000-0000-0000-0000-000000000007")
_ORIGIN = Origin(topic="document.submitted.v1", event_id=str(_ID))
_REASON = Reason(code="empty", field="text", expected="a text")
SPEC = {"workspace": "parcels", "owner": "team", "task": "classify", "labels": {"names": ["late", "lost"]}, "lanes": 4}
PARCELS = Workspace.read({**SPEC, "data": {"trusted": ["crm"], "retired": ["old"], "languages": ["en"]}})
PLAIN = Submission("parcels", "crm", "7", "My parcel is a week late", "late", None, None, {}, NOW)


def english(text: str) -> Mapping[str, float]:
    return {"en": 1.0}


def kept(**changes: Any) -> Document:
    given = replace(PLAIN, **changes)
    return masked(given, longest=100, key=derived_key("s", given.workspace), mask=Mask())


def test_the_host_of_a_site_that_is_declared_stays_and_no_other() -> None:
    given = replace(PLAIN, metadata={"url": "http://10.0.0.7:8080/a?to=joe@example.com", "from": "http://10.9.9.9/"})
    key = derived_key("s", given.workspace)
    document = masked(given, longest=100, key=key, mask=Mask(), sites=sites(("http://10.0.0.7:8080/",), ()))
    assert document.metadata == {"url": "http://10.0.0.7:8080/a?to=[EMAIL]", "from": "http://[IP]/"}
    assert masked(given, longest=100, key=key, mask=Mask()).metadata["url"] == "http://[IP]:8080/a?to=[EMAIL]"


def verdict(spec: Workspace = PARCELS, **changes: Any) -> Verdict:
    return judged(kept(**changes), spec, now=NOW, shares=english)


def codes(**changes: Any) -> list[str]:
    return [reason.code for reason in verdict(**changes).reasons]


def test_a_good_document_is_accepted_whole() -> None:
    document = kept()
    assert verdict() == Verdict((), "en")
    assert (document.text, document.label) == ("My parcel is a week late", "late")


def test_every_field_that_a_person_may_fill_is_masked() -> None:
    document = kept(
        text="Write to joe@example.com",
        label="late 0171 1234567",
        source="ann@example.com",
        suite="eve@example.com",
        subject="joe@example.com",
        metadata={"from bob@example.com": "card 4111 1111 1111 1111", "order": "17"},
    )
    everything = repr(document)
    assert "example.com" not in everything
    assert "4111" not in everything
    assert "1234567" not in everything
    assert document.masked == {"email": 4, "phone": 1, "card": 1}
    assert document.metadata["order"] == "17"


def test_a_workspace_that_refuses_personal_data_gets_a_reason_for_each_kind() -> None:
    refusing = Workspace.read({**SPEC, "data": {"pii": "reject"}})
    given = {"text": "Write to joe@example.com or 0171 1234567", "metadata": {"cc": "ann@example.com"}}
    assert [reason.code for reason in verdict(refusing, **given).reasons] == ["pii_email", "pii_phone"]
    assert verdict(refusing).reasons == ()
    assert "example.com" not in repr((kept(**given), verdict(refusing, **given)))
    observation = measured(values={"note": "call 0171 1234567"})
    assert [reason.code for reason in judged_observation(observation, refusing, now=NOW).reasons] == ["pii_phone"]


def test_every_field_is_pseudonymised_alike() -> None:
    mask = Mask(Policy(key=b"k"))
    given = replace(
        PLAIN, text="Write to Joe@Example.com please", label="joe@example.com", metadata={"m": "joe@example.com"}
    )
    document = masked(given, longest=100, key=b"k", mask=mask)
    assert document.text == f"Write to {document.label} please"
    assert document.metadata["m"] == document.label
    assert document.masked == {"email": 3}


def test_a_document_keeps_its_identity_over_revisions_and_differs_between_sources() -> None:
    first = kept().document_id
    assert kept(text="My parcel is two weeks late").document_id == first
    others = {kept(source="mail").document_id, kept(own_id="8").document_id}
    assert len({first, *others}) == 3


def test_a_subject_is_a_pseudonym_of_the_workspace() -> None:
    subject = kept(subject="customer-17").subject
    assert subject
    assert subject == kept(subject="customer-17").subject
    assert subject != kept(subject="customer-17", workspace="claims").subject


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"text": ""}, "empty"),
        ({"source": "old"}, "retired_source"),
        ({"source": "s" * 201}, "source"),
        ({"source": "\x00"}, "source"),
        ({"label": "l" * 101}, "label"),
        ({"suite": "silver"}, "suite"),
        ({"suite": "golden", "source": "mail"}, "untrusted_suite"),
        ({"suite": "golden", "label": None}, "unlabelled_suite"),
        ({"metadata": {str(n): "x" for n in range(51)}}, "metadata"),
        ({"metadata": {"k": "x" * 2001}}, "metadata"),
        ({"occurred_at": NOW + timedelta(days=2)}, "future"),
    ],
)
def test_a_broken_rule_is_named(changes: dict[str, Any], code: str) -> None:
    assert codes(**changes) == [code]


def test_a_golden_row_of_a_trusted_source_is_accepted() -> None:
    assert codes(suite="golden") == []


def test_a_workspace_takes_records_only_for_its_purposes() -> None:
    judging = Workspace.read({**SPEC, "data": {"trusted": ["crm"], "purposes": ["evaluate"]}})
    assert [reason.code for reason in verdict(judging).reasons] == ["purpose"]
    assert verdict(judging, suite="golden").reasons == ()


@pytest.mark.parametrize(
    ("purposes", "suite", "expected"),
    [
        (["retrieve"], None, []),
        (["retrieve"], "golden", ["purpose"]),
        (["train"], "golden", ["purpose"]),
        (["evaluate"], "golden", []),
        (["evaluate"], None, []),
    ],
)
def test_what_a_source_declares_goes_before_the_workspaces_purposes(
    purposes: list[str], suite: str | None, expected: list[str]
) -> None:
    declared = {"crm": {"kind": "events", "purposes": purposes}}
    spec = Workspace.read({**SPEC, "sources": declared, "data": {"trusted": ["crm"], "purposes": ["train"]}})
    assert [reason.code for reason in verdict(spec, suite=suite).reasons] == expected


def test_several_broken_rules_are_all_named() -> None:
    assert codes(text="", source="old", suite="silver") == ["empty", "retired_source", "suite"]


def test_a_text_too_long_is_refused_and_never_cut_in_silence() -> None:
    assert codes(text="word " * 4000 + "end.") == ["too_long"]
    assert codes(text="word " * 3999 + "end.") == []
    assert codes(text=" " * 30_000 + "My parcel is late") == []


def test_an_interaction_is_a_document_of_what_the_person_wrote() -> None:
    logged = InteractionLogged.create(
        Envelope(id=_ID, source="", occurred_at=NOW, known_at=NOW),
        workspace="parcels", source="chat", input="Where is it?", interaction_id="7", output="Write to help@x.com",
        label="late", metadata={},
    )  # fmt: skip
    given = submission(logged).of(PARCELS.meaning)
    assert (given.text, given.label, given.suite) == ("Where is it?", "late", None)
    document = masked(given, longest=100, key=b"k", mask=Mask())
    assert document.metadata["output"] == "Write to [EMAIL]"
    submitted = DocumentSubmitted.create(
        Envelope(id=_ID, source="", occurred_at=NOW, known_at=NOW),
        workspace="parcels", source="chat", text="Where is it?", document_id="7", metadata={},
    )  # fmt: skip
    twin = masked(submission(submitted), longest=100, key=b"k", mask=Mask())
    assert document.document_id != twin.document_id


def test_what_was_answered_is_the_label_where_answers_are_learned() -> None:
    replies = Workspace.read({"workspace": "replies", "owner": "team", "task": "generate"})
    given = replace(PLAIN, label=None, output="It comes on Monday. " * 20).of(replies.meaning)
    document = masked(given, longest=replies.meaning.longest, key=b"k", mask=Mask())
    assert document.label == ("It comes on Monday. " * 20).strip() and document.metadata == {}
    assert judged(document, replies, now=NOW, shares=english).reasons == ()
    resolved = replace(PLAIN, label="It is lost.", output="It comes on Monday.").of(replies.meaning)
    assert resolved.label == "It is lost."  # what a person says is true goes before what was answered


def test_only_submissions_are_examined() -> None:
    with pytest.raises(TypeError, match="submits no document"):
        submission(DocumentRejected(workspace="p", document_id="d", source="s", origin=_ORIGIN, reasons=[_REASON]))


def observed(**fields: object) -> ObservationSubmitted:
    body = {"workspace": "parcels", "source": "meters", "entity": "station-7", "values": {"load": 3.5}, **fields}
    return ObservationSubmitted.create(Envelope(id=_ID, source="", occurred_at=NOW, known_at=NOW), **body)


def measured(**fields: object) -> Observation:
    return masked_observation(observed(**fields), PARCELS.lanes, key=b"k", mask=Mask())


def test_an_observation_keeps_its_numbers_and_its_entitys_lane() -> None:
    result = measured(values={"load": 3.5, "note": "call 0171 1234567"})
    assert judged_observation(result, PARCELS, now=NOW).reasons == ()
    assert result.values == {"load": 3.5, "note": "call [PHONE]"}
    assert result.lane == measured(values={"load": 1.0}).lane


def test_entities_named_by_personal_data_stay_apart_under_pseudonyms() -> None:
    names = {measured(entity=entity).entity for entity in ("joe@example.com", "ann@example.com")}
    assert len(names) == 2
    assert all(name.startswith("p-") for name in names)


HISTORIES = load("""
workspace: stations
owner: grid
task: tabular
entity: station
features: {load_1h: {mean: load, over: 1h}}
target: {name: load, kind: regression, horizon: 1h, arrives_within: 3h}
sources: {archive: {kind: events, history: true}, meters: {kind: events}}
""")


@pytest.mark.parametrize(
    ("source", "since", "codes"),
    [
        ("archive", None, []),
        ("archive", timedelta(0), []),
        ("archive", timedelta(days=-1), []),
        ("archive", timedelta(days=-2), ["known_since"]),
        ("archive", timedelta(days=2), ["known_since"]),
        ("meters", timedelta(0), ["history"]),
        ("undeclared", timedelta(0), ["history"]),
    ],
)
def test_only_a_source_of_history_says_since_when_it_knew(
    source: str, since: timedelta | None, codes: list[str]
) -> None:
    claim = None if since is None else NOW + since
    told = measured(source=source, known_since=claim)
    against = judged_observation(told, HISTORIES, now=NOW)
    assert told.known_since == claim
    assert [reason.code for reason in against.reasons] == codes
    assert not codes or decided("release", against).end == "refused", "nobody sets it aside by hand"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"values": {}}, "empty"),
        ({"values": {str(n): 1.0 for n in range(501)}}, "values"),
        ({"values": {"note": "x" * 2001}}, "values"),
        ({"entity": "e" * 201}, "entity"),
        ({"source": "old"}, "retired_source"),
    ],
)
def test_a_broken_rule_of_an_observation_is_named(fields: dict[str, object], code: str) -> None:
    assert [reason.code for reason in judged_observation(measured(**fields), PARCELS, now=NOW).reasons] == [code]
