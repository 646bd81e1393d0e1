"""The declaration of a workspace, a module for each part of the file."""

from millrace.workspace.spec.card import Card
from millrace.workspace.spec.corpora import Chunk, Corpus
from millrace.workspace.spec.data import Data, Duplicates
from millrace.workspace.spec.features import Feature, Target
from millrace.workspace.spec.quality import Limit, Quality, Typed
from millrace.workspace.spec.rollout import Canary, Rollout, Shadow
from millrace.workspace.spec.serving import Monitor, Serve
from millrace.workspace.spec.speaking import LONGEST, Decoding, Prompt, Turn
from millrace.workspace.spec.suites import Suite
from millrace.workspace.spec.training import Feedback, Labels, Train, Triggers
from millrace.workspace.spec.workspace import Workspace

__all__ = [
    "LONGEST",
    "Canary",
    "Card",
    "Chunk",
    "Corpus",
    "Data",
    "Decoding",
    "Duplicates",
    "Feature",
    "Feedback",
    "Labels",
    "Limit",
    "Monitor",
    "Prompt",
    "Quality",
    "Rollout",
    "Serve",
    "Shadow",
    "Suite",
    "Target",
    "Train",
    "Triggers",
    "Turn",
    "Typed",
    "Workspace",
]
