"""Language models that answer: how they are spoken to, what they say, and how they are tuned. Imports transformers."""
