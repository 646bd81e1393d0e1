-- What a run is asked to be made with, beyond its method; how good it was on the way; and what its claims took, by day.
ALTER TABLE runs ADD COLUMN asked jsonb NOT NULL DEFAULT '{}';
ALTER TABLE cycles ADD COLUMN searched text;

CREATE TABLE judgements (
    run_id uuid NOT NULL REFERENCES runs,
    quarter int NOT NULL,
    score double precision NOT NULL,
    PRIMARY KEY (run_id, quarter)
);

CREATE TABLE spendings (
    run_id uuid NOT NULL REFERENCES runs,
    token int NOT NULL,
    day date NOT NULL,
    workspace text NOT NULL,
    cycle_id uuid NOT NULL,
    seconds double precision NOT NULL,
    cost double precision NOT NULL,
    PRIMARY KEY (run_id, token, day)
);
CREATE INDEX spendings_of_day ON spendings (workspace, day);
CREATE INDEX spendings_of_cycle ON spendings (cycle_id);
