"""Which files of a version are loaded, and why others are not."""

import json

import pytest

from millrace.registry.inspection import foreign, unsafe


@pytest.mark.parametrize(
    "name", ["pytorch_model.bin", "model.pt", "model.pth", "forest.pkl", "a.PICKLE", "step.ckpt", "pipeline.joblib"]
)
def test_pickled_weights_are_refused_since_loading_them_runs_code(name: str) -> None:
    told = unsafe(["config.json", "model.safetensors", name])
    assert told == f"{name}: pickled weights run code when they are loaded; save them as safetensors"


@pytest.mark.parametrize("name", ["modeling_mine.py", "kernel.so"])
def test_code_of_its_own_is_refused_as_trust_remote_code(name: str) -> None:
    told = unsafe(["model.safetensors", name])
    assert told and name in told and "trust_remote_code" in told


def test_what_nobody_knows_is_refused_too_and_nothing_is_no_artifact() -> None:
    assert "only safetensors, JSON and text" in str(unsafe(["model.onnx"]))
    assert unsafe(["chat_template.jinja", "weights.safetensors"]) is None  # rendered in a sandbox
    assert "page.jinja" in str(unsafe(["page.jinja", "weights.safetensors"]))
    assert unsafe([]) == "the artifact is not there"
    assert unsafe(["model.safetensors", "config.json", "vocab.txt"]) is None


@pytest.mark.parametrize(
    ("told", "named"),
    [
        ({"auto_map": {"AutoModel": "modeling_mine.Mine"}}, "auto_map"),
        ({"trust_remote_code": True}, "trust_remote_code"),
        ({"trust_remote_code": "yes", "auto_map": {}}, "trust_remote_code"),
    ],
)
def test_a_configuration_that_asks_for_the_model_s_own_code_is_refused(told: object, named: str) -> None:
    why = foreign(json.dumps(told).encode())
    assert why and why.startswith(named) and "trust_remote_code" in why


@pytest.mark.parametrize("told", [{"auto_map": {}}, {"trust_remote_code": False}, ["auto_map"], {"labels": ["a"]}])
def test_one_that_asks_for_none_is_not(told: object) -> None:
    assert foreign(json.dumps(told).encode()) is None


@pytest.mark.parametrize("content", [b"{", b"\xff", b"[" * 100_000])
def test_a_configuration_that_can_not_be_read_is_refused(content: bytes) -> None:
    assert foreign(content) == "is no JSON"
