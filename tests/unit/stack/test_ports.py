"""Ports are chosen once and stay."""

from pathlib import Path

import pytest

from millrace.stack import PortTaken, ports
from millrace.stack.ports import HIGHEST, PortBook


@pytest.fixture(autouse=True)
def taken(monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """Ports that somebody has, in place of asking the kernel."""
    held: set[int] = set()
    monkeypatch.setattr(ports, "is_free", lambda port: port not in held)
    return held


def test_a_port_is_the_same_at_the_next_start(tmp_path: Path) -> None:
    first = PortBook(tmp_path / "ports.json").port("kafka")
    assert PortBook(tmp_path / "ports.json").port("kafka") == first


def test_a_port_that_somebody_else_took_meanwhile_is_chosen_anew(tmp_path: Path, taken: set[int]) -> None:
    first = PortBook(tmp_path / "ports.json").port("kafka")
    taken.add(first)
    assert PortBook(tmp_path / "ports.json").port("kafka") != first


def test_a_port_once_told_to_others_never_moves(tmp_path: Path, taken: set[int]) -> None:
    book = PortBook(tmp_path / "ports.json")
    first = book.port("kafka")
    taken.add(first)  # by the part itself, or its predecessor on the way out
    assert book.port("kafka") == first


def test_a_given_port_wins_and_is_refused_by_name_when_taken(tmp_path: Path, taken: set[int]) -> None:
    assert PortBook(tmp_path / "ports.json", {"kafka": 9092}).port("kafka") == 9092
    taken.add(9092)
    with pytest.raises(PortTaken, match="9092, asked for kafka"):
        PortBook(tmp_path / "ports.json", {"kafka": 9092}).port("kafka")


def test_no_two_names_share_a_port_and_none_is_ephemeral(tmp_path: Path) -> None:
    book = PortBook(tmp_path / "ports.json")
    chosen = [book.port(f"s{number}") for number in range(200)]
    assert len(set(chosen)) == 200
    assert max(chosen) < HIGHEST <= 32768
