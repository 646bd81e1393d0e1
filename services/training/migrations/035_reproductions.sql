-- A run that is made again from what is kept of it: whether the same weights come of it, and what differs.
CREATE TABLE reproductions (
    id uuid PRIMARY KEY,
    run_id uuid NOT NULL REFERENCES runs,
    asked_by text NOT NULL,
    asked_at timestamptz NOT NULL,
    state text NOT NULL,
    stage text,
    step int,
    steps int,
    ended_at timestamptz,
    seconds double precision,
    was text,
    weights text,
    differs jsonb NOT NULL DEFAULT '[]',
    reason text
);
CREATE INDEX reproductions_of_run ON reproductions (run_id, asked_at DESC);
