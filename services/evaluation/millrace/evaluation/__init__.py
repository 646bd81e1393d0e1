"""Judges every version: offline at the gate, online in shadow and canary."""
