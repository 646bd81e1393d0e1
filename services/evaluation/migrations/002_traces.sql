-- the trace that a step goes on with: what decides it, a label or an answer, comes in a trace of its own
ALTER TABLE steps ADD COLUMN traceparent text;
