"""The workspace file may set what the methods take, and nothing else."""

import importlib

import pytest

from millrace.workspace.methods import METHODS
from millrace.workspace.tasks import task_named, tasks


@pytest.mark.parametrize("method", sorted({method for name in tasks() for method in task_named(name).methods}))
def test_parameters_are_those_that_the_method_takes(method: str) -> None:
    module = importlib.import_module(f"millrace.learn.methods.{method.replace('-', '_')}")
    taken = getattr(module, "DEFAULTS", {})
    assert METHODS[method].keys() == taken.keys()
    for name, parameter in METHODS[method].items():
        assert parameter.whole == isinstance(taken[name], int), name
        assert parameter.low is None or parameter.low <= taken[name] <= (parameter.high or 0), name
