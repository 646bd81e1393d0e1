"""Masking of personal data and keyed pseudonyms. Pure."""

from millrace.privacy.entities import entity_name
from millrace.privacy.kinds import ALL_KINDS, KINDS, TAG, TAGS, Found, Kind, Masked, Policy
from millrace.privacy.masking import REDACT, found, mask
from millrace.privacy.pseudonyms import derived_key, pseudonym, pseudonymous, token
from millrace.privacy.second import Second

__all__ = [
    "ALL_KINDS",
    "KINDS",
    "REDACT",
    "TAG",
    "TAGS",
    "Found",
    "Kind",
    "Masked",
    "Policy",
    "Second",
    "derived_key",
    "entity_name",
    "found",
    "mask",
    "pseudonym",
    "pseudonymous",
    "token",
]
