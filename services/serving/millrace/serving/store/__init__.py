"""What serving keeps: its replicas and their reports, and the corpora that can be searched (`store.retrieval`)."""

from millrace.serving.store import retrieval
from millrace.serving.store.erasure import erase
from millrace.serving.store.replicas import (
    Standing,
    forget_dead,
    is_applied,
    leave,
    lock_workspace,
    renew,
    replicas,
    save_applied,
    save_reports,
    standing,
)

__all__ = [
    "Standing",
    "erase",
    "forget_dead",
    "is_applied",
    "leave",
    "lock_workspace",
    "renew",
    "replicas",
    "retrieval",
    "save_applied",
    "save_reports",
    "standing",
]
