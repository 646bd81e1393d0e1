"""What an observation's entity is called, wherever it is named."""

from __future__ import annotations

from millrace.privacy.kinds import Policy
from millrace.privacy.masking import mask
from millrace.privacy.pseudonyms import pseudonym


def entity_name(entity: str, key: bytes, policy: Policy) -> str:
    """An entity named by personal data goes under a pseudonym: a tag would make one of many."""
    return pseudonym(entity, key) if mask(entity, policy).counts else entity
