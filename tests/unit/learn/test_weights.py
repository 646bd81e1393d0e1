"""A row's weight trains as if the row stood there so many times."""

import numpy as np
import torch

from millrace.learn.methods.linear_probe import regression


def test_a_row_that_weighs_three_trains_like_three_rows() -> None:
    draw = np.random.Generator(np.random.PCG64(1))
    embeddings, targets = draw.normal(size=(60, 8)), draw.integers(0, 3, 60)
    heavy = np.where(np.arange(60) < 20, 3.0, 1.0)
    repeated = np.concatenate([np.arange(60), *[np.arange(20)] * 2])
    weighed, _ = regression(embeddings, targets, heavy, 1.0, 2000)
    twice, _ = regression(embeddings[repeated], targets[repeated], np.ones(100), 1.0, 2000)
    light, _ = regression(embeddings, targets, np.ones(60), 1.0, 2000)
    assert torch.allclose(weighed.weight, twice.weight, atol=1e-3)
    assert not torch.allclose(weighed.weight, light.weight, atol=1e-2)
