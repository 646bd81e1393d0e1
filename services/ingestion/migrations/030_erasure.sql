-- who asked to be forgotten, by pseudonym, and what each owner said
CREATE TABLE erasures (
    erasure text PRIMARY KEY,
    workspace text NOT NULL,
    subject text NOT NULL,
    by text NOT NULL,
    asked_at timestamptz NOT NULL
);
CREATE INDEX erasures_newest ON erasures (workspace, asked_at DESC);

CREATE TABLE confirmations (
    erasure text NOT NULL,
    service text NOT NULL,
    erased jsonb NOT NULL,
    datasets text[] NOT NULL,
    versions text[] NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (erasure, service)
);
