"""The same person has the same pseudonym within a workspace, and another elsewhere."""

import pytest

from millrace.privacy import derived_key, pseudonym


def test_a_pseudonym_is_stable_and_keyed() -> None:
    key = derived_key("secret", "parcels")
    assert pseudonym("customer-17", key) == "p-b3f1c90e9c6b8d12b66c9fc8e206e3a0"


def test_workspaces_can_not_be_joined() -> None:
    keys = [derived_key("secret", "parcels"), derived_key("secret", "claims"), derived_key("other", "parcels")]
    assert len({pseudonym("customer-17", key) for key in keys}) == 3


def test_any_text_is_a_subject() -> None:
    assert len(pseudonym("\ud800é", b"k")) == 34


def test_a_key_is_needed() -> None:
    with pytest.raises(ValueError, match="needs a key"):
        pseudonym("a", b"")
