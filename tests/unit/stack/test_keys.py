"""Secrets of a data folder: made once, rotated without a gap, kept from others."""

import base64
from pathlib import Path

import pytest

from millrace.chassis.signatures import KeyUnreadable, SignatureRefused, Signer, Trust
from millrace.events import Deployment
from millrace.stack.keys import Keys, new_signing

VERSION = Deployment(version="w-1", artifact="a", digest="sha256:0", task="classify", labels=["a", "b"])


def test_a_data_folder_keeps_its_key_and_nobody_else_can_read_it(tmp_path: Path) -> None:
    first = Keys(tmp_path).signing
    assert Keys(tmp_path).signing == first and first.trusted == Signer(first.key).public
    assert (tmp_path / "run" / "keys.json").stat().st_mode & 0o077 == 0


def test_what_was_signed_before_a_rotation_counts_until_it_is_distrusted(tmp_path: Path) -> None:
    before = Signer(Keys(tmp_path).signing.key).sign(VERSION)
    rotated = Keys(tmp_path).rotate()
    after = Signer(rotated.key).sign(VERSION)
    for one in (before, after):
        Trust(rotated.trusted).check(one)
    left = Keys(tmp_path).distrust()
    assert left.key == rotated.key
    Trust(left.trusted).check(after)
    with pytest.raises(SignatureRefused, match="not trusted"):
        Trust(left.trusted).check(before)


def test_a_second_rotation_keeps_both_keys_of_before(tmp_path: Path) -> None:
    names = [Signer(Keys(tmp_path).signing.key).public]
    names += [Signer(Keys(tmp_path).rotate().key).public for _ in range(2)]
    assert Keys(tmp_path).signing.trusted.split(",") == names[::-1]


CHANGES = [
    {"version": "w-2"},
    {"artifact": "b"},
    {"digest": "sha256:1"},
    {"task": "tabular"},
    {"labels": ["b", "a"]},
    {"parameters": {"pad_to": 8}},
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: next(iter(change)))
def test_a_signature_is_of_everything_that_shapes_an_answer(change: dict[str, object]) -> None:
    signer = Signer(new_signing().key)
    signed = signer.sign(VERSION)
    Trust(signer.public).check(signed)
    assert signed.model_dump(exclude={"signature"}) == VERSION.model_dump(exclude={"signature"})
    with pytest.raises(SignatureRefused, match="changed after it was signed"):
        Trust(signer.public).check(signed.model_copy(update=change))


def test_every_field_of_a_deployment_is_among_what_is_signed() -> None:
    assert {next(iter(change)) for change in CHANGES} | {"signature"} == set(Deployment.model_fields)


def test_without_a_signature_or_with_a_stranger_s_it_is_refused_by_name() -> None:
    trust = Trust(Signer(new_signing().key).public)
    with pytest.raises(SignatureRefused, match="version w-1 is not signed"):
        trust.check(VERSION)
    stranger = Signer(new_signing().key)
    with pytest.raises(SignatureRefused, match=f"signed with key {stranger.key}, which is not trusted"):
        trust.check(stranger.sign(VERSION))
    with pytest.raises(SignatureRefused, match="trusted: none"):
        Trust("").check(stranger.sign(VERSION))


@pytest.mark.parametrize("text", ["no base64!", base64.b64encode(b"too short").decode(), ""])
def test_a_key_that_can_not_be_read_says_what_was_expected(text: str) -> None:
    with pytest.raises(KeyUnreadable, match="base64 of the 32 bytes"):
        Signer(text)
    if text:
        with pytest.raises(KeyUnreadable, match="ed25519 public key"):
            Trust(text)
