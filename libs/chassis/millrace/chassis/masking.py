"""What a workspace has done with personal data: the same on every way in."""

from millrace.privacy import KINDS, Policy, derived_key
from millrace.workspace import Workspace

_WITH_IDS = frozenset((*KINDS, "national_id"))
_WITHOUT = frozenset(KINDS)


def policy_of(workspace: Workspace, secret: str) -> Policy:
    """What `data.pii` and `data.national_ids` declare; where records are refused, what is kept of them is redacted."""
    data = workspace.data
    kinds = _WITH_IDS if data.national_ids else _WITHOUT
    return Policy(kinds, derived_key(secret, workspace.workspace) if data.pii == "pseudonymise" else None)
