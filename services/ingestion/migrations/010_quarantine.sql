-- What was rejected may be accepted later, so all that this needs is kept: masked, never as it came. Rows of before have no
-- record; they can be dropped and not released. state: held, released, dropped.
ALTER TABLE quarantine
    ADD COLUMN record jsonb,
    ADD COLUMN document_id text,
    ADD COLUMN subject text,
    ADD COLUMN origin jsonb,
    ADD COLUMN occurred_at timestamptz,
    ADD COLUMN known_at timestamptz,
    ADD COLUMN traceparent text,
    ADD COLUMN state text NOT NULL DEFAULT 'held',
    ADD COLUMN decided_by text,
    ADD COLUMN decided_at timestamptz;
CREATE INDEX quarantine_oldest ON quarantine (workspace, rejected_at, event_id) WHERE state = 'held';
CREATE INDEX quarantine_subject ON quarantine (workspace, subject) WHERE subject IS NOT NULL;
