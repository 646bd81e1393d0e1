-- What a run was told to do, what doing it took, and what that cost; `points` is its loss on the way.
ALTER TABLE runs
    ADD COLUMN parameters jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN measured jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN cost double precision;

CREATE TABLE points (
    run_id uuid NOT NULL REFERENCES runs,
    step int NOT NULL,
    loss double precision NOT NULL,
    seconds double precision NOT NULL,
    PRIMARY KEY (run_id, step)
);
