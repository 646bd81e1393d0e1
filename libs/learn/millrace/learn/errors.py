"""The errors of learning.

Unlearnable                 the request, the rows or the files are wrong; another try ends the same
├── WrongRequest            a key or a value of the request
├── UnknownBase             a base that neither bases.yaml lists nor anybody added
├── BaseMissing             a known base that is not here, or whose bytes are not the known ones
├── BaseRefused             a base that may not be used: pickles, code of its own, no licence, other bytes than expected
├── BaseUnreachable         a base whose source did not give it
├── ImportRefused           a model made elsewhere that may not be loaded, or that can't answer as a version does
├── DeviceMissing           a run asked for a GPU, and there is none
├── OutOfMemory             the run needs more memory than there is
├── DiskFull                the run's disk is full
├── WrongRows               a rows file that can't be read as rows
├── WrongFeature            a value of a feature, or a truth, that can't be learned from or answered for
├── TooFewRows              nothing to train on, or nothing held out to judge with
├── UnknownLabel            a row whose label the request does not name
├── UnsafeFile              a file in a model folder that could run code, or that does not belong there
└── DamagedModel            a model folder whose parts do not fit together
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches


class Unlearnable(Exception):
    """Root: never worth a retry."""


class WrongRequest(Unlearnable):
    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class UnknownBase(Unlearnable):
    def __init__(self, name: str, known: list[str]) -> None:
        super().__init__(f"no base is named {name!r}; known here are {', '.join(known)}")
        self.name = name


class BaseMissing(Unlearnable):
    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"base {name}: {reason}")
        self.name = name


class BaseRefused(Unlearnable):
    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"base {name}: {reason}")
        self.name, self.reason = name, reason


class BaseUnreachable(Unlearnable):
    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"base {name}: {reason}")
        self.name, self.reason = name, reason


class ImportRefused(Unlearnable):
    def __init__(self, what: str, reason: str) -> None:
        super().__init__(f"{what}: {reason}")
        self.what, self.reason = what, reason


class DeviceMissing(Unlearnable):
    def __init__(self, reason: str) -> None:
        super().__init__(f"device gpu: {reason}; gpu-if-there would go on without one")


class OutOfMemory(Unlearnable):
    pass


class DiskFull(Unlearnable):
    pass


class WrongRows(Unlearnable):
    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path


class WrongFeature(Unlearnable):
    def __init__(self, feature: str, where: str, reason: str) -> None:
        super().__init__(f"{where}: {feature} {reason}")
        self.feature, self.where = feature, where


class TooFewRows(Unlearnable):
    def __init__(self, split: str, found: int, needed: int) -> None:
        super().__init__(f"split {split} has too few rows or labels that can be used: {found}, where it needs {needed}")
        self.split, self.found, self.needed = split, found, needed


class UnknownLabel(Unlearnable):
    def __init__(self, label: str, row_id: str, known: Sequence[str] = ()) -> None:
        near = get_close_matches(label, known, 1)
        meant = f"; {near[0]!r} is near it" if near else ""
        super().__init__(f"row {row_id} has the label {label!r}, which the request does not name{meant}")
        self.label, self.row_id = label, row_id


class UnsafeFile(Unlearnable):
    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path, self.reason = path, reason


class DamagedModel(Unlearnable):
    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path, self.reason = path, reason
