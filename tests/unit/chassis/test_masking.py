"""What a workspace declares of personal data holds on every way in: documents, predictions, feedback."""

from harness import make

from millrace.chassis import policy_of
from millrace.events import FeedbackGiven
from millrace.feedback.domain.feedback import admit
from millrace.serving.answers import accept
from millrace.workspace import Workspace

TEXT = "My DNI is 12345678Z, write to joe@example.com"


def declared(**data: object) -> Workspace:
    spec = {"workspace": "parcels", "owner": "team", "task": "classify", "labels": {"names": ["late", "lost"]}}
    return Workspace.read({**spec, "data": data})


def asked(workspace: Workspace) -> str:
    return accept(workspace, TEXT, max_text=100, secret="s").text


def corrected(workspace: Workspace) -> object:
    given = make(FeedbackGiven, kind="label", value=TEXT, source="agent", request_id="r", basis="blind")
    return admit(given, workspace, "s").value


def test_a_workspace_that_says_nothing_has_tags_and_no_national_ids() -> None:
    assert asked(declared()) == corrected(declared()) == "My DNI is 12345678Z, write to [EMAIL]"


def test_national_ids_are_masked_where_they_are_switched_on() -> None:
    workspace = declared(national_ids=True, pii="reject")
    assert asked(workspace) == corrected(workspace) == "My DNI is [NATIONAL_ID], write to [EMAIL]"


def test_pseudonyms_are_the_same_on_every_way_in() -> None:
    workspace = declared(national_ids=True, pii="pseudonymise")
    said = asked(workspace)
    assert said == corrected(workspace)
    assert "[EMAIL:" in said
    assert "12345678Z" not in said
    assert policy_of(workspace, "s").key != policy_of(workspace, "another secret").key
