-- Who observed it: a workspace may retire a source, or say that nobody trains on it. Empty where it was taken before.
ALTER TABLE observed ADD source text NOT NULL DEFAULT '';
