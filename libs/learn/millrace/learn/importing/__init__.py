"""Models that were made elsewhere, as versions: what a folder is, and what of it is taken. It costs no torch.

A folder is taken as few plain files, whichever way it was laid out: those of a repository of the Hugging Face hub,
those of a sentence-transformers model that ends in its labels, or LightGBM's text. What is pickled, or needs code of
its own, is refused with the reason.
"""

from __future__ import annotations

from millrace.learn.importing.examining import examine
from millrace.learn.importing.found import LIGHTGBM, SENTENCES, TRANSFORMERS, Form, Found
from millrace.learn.importing.request import IMPORTED, differ, labelled

__all__ = ["IMPORTED", "LIGHTGBM", "SENTENCES", "TRANSFORMERS", "Form", "Found", "differ", "examine", "labelled"]
