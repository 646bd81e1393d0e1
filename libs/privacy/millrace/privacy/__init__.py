"""Masking of personal data and keyed pseudonyms. Pure."""

from millrace.privacy.kinds import KINDS, TAGS, Kind, Masked, Policy
from millrace.privacy.masking import REDACT, mask
from millrace.privacy.pseudonyms import derived_key, pseudonym, pseudonymous

__all__ = ["KINDS", "REDACT", "TAGS", "Kind", "Masked", "Policy", "derived_key", "mask", "pseudonym", "pseudonymous"]
