"""Features on one scale: for the linear model, and for how far a row lies from those that are known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from millrace.learn.scores import Floats
from millrace.workspace import Feature

FARTHEST = 1e6
"""Deviations that count at most: beyond them a sum would lose all else, or overflow."""


@dataclass(frozen=True)
class Columns:
    """A number less its training median, in deviations, 0 where it is missing: the median takes its place. A category
    has a column for each of its list and one for anything else."""

    sizes: tuple[int, ...]
    """Of each feature, 0 for a number, or how many categories it has."""
    centre: Floats
    scale: Floats

    @classmethod
    def fit(cls, features: Mapping[str, Feature], matrix: Floats) -> Self:
        sizes = tuple(len(one.category) + 1 if one.category is not None else 0 for one in features.values())
        numbers = matrix[:, [at for at, size in enumerate(sizes) if not size]]
        known = np.isfinite(numbers).any(axis=0)
        centre, scale = np.zeros(numbers.shape[1]), np.ones(numbers.shape[1])
        if known.any():
            centre[known] = np.nanquantile(numbers[:, known], 0.5, axis=0, method="lower")
            # the largest distance is taken out first, since squares of numbers that a float holds may not fit in one
            apart = np.abs(numbers[:, known] / 2 - centre[known] / 2)
            most = np.nanmax(apart, axis=0)
            most[most == 0] = 0.5
            scale[known] = np.sqrt(np.nanmean((apart / most) ** 2, axis=0)) * most * 2
        scale[~np.isfinite(scale) | (scale == 0)] = 1.0
        return cls(sizes, centre, scale)

    def of(self, matrix: Floats) -> Floats:
        """One row each, as many columns as numbers and categories take."""
        parts, at = [], 0
        for column, size in zip(matrix.T, self.sizes, strict=True):
            if size:
                parts.append(np.eye(size)[column.astype(np.int64)])
                continue
            with np.errstate(over="ignore"):
                told = (column / 2 - self.centre[at] / 2) / (self.scale[at] / 2)
            parts.append(np.clip(np.where(np.isnan(told), 0.0, told), -FARTHEST, FARTHEST)[:, None])
            at += 1
        return np.concatenate(parts, axis=1) if len(matrix) else np.zeros((0, len(parts)))

    def novelty(self, of: Floats, references: Floats, *, apart_from_self: Mapping[int, int] | None = None) -> Floats:
        """The distance to the nearest reference, the root of the mean square over features; 1 where there is no other.

        ``apart_from_self`` gives rows that are references their own place, which is not looked at.
        """
        squares = (of**2).sum(axis=1)[:, None] + (references**2).sum(axis=1)[None] - 2 * of @ references.T
        for row, place in (apart_from_self or {}).items():
            squares[row, place] = np.inf
        nearest = squares.min(axis=1, initial=np.inf)
        return np.asarray(np.where(np.isfinite(nearest), np.sqrt(np.maximum(nearest, 0.0) / len(self.sizes)), 1.0))
