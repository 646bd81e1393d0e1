CREATE TABLE workspaces (
    name text PRIMARY KEY,
    revision int NOT NULL,
    digest text NOT NULL,
    spec jsonb NOT NULL,
    route jsonb NOT NULL,
    rollout jsonb,
    best jsonb NOT NULL DEFAULT '{}',
    previous text[] NOT NULL DEFAULT '{}',
    confirmed boolean NOT NULL DEFAULT true,
    numbered int NOT NULL DEFAULT 0
);

CREATE TABLE revisions (
    workspace text NOT NULL REFERENCES workspaces,
    revision int NOT NULL,
    digest text NOT NULL,
    spec jsonb NOT NULL,
    by text NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (workspace, revision)
);

-- `trained` is the whole model.trained that a version was made from, with where it stands in the log: lineage starts there.
CREATE TABLE versions (
    id text PRIMARY KEY,
    workspace text NOT NULL REFERENCES workspaces,
    number int NOT NULL,
    stage text NOT NULL,
    deployment jsonb NOT NULL,
    run_id text NOT NULL,
    dataset text NOT NULL,
    manifest text NOT NULL,
    method text NOT NULL,
    base text NOT NULL,
    attempt int NOT NULL,
    parent text,
    cycle_id uuid,
    change_point timestamptz,
    asked int,
    against text,
    passed boolean NOT NULL,
    scores jsonb NOT NULL,
    trained jsonb NOT NULL,
    trained_id uuid NOT NULL,
    trained_position jsonb,
    created_at timestamptz NOT NULL,
    staged_at timestamptz NOT NULL,
    UNIQUE (workspace, number),
    UNIQUE (workspace, run_id)
);
CREATE INDEX versions_in_play ON versions (workspace) WHERE stage IN ('registered', 'shadow', 'canary', 'production');

CREATE TABLE ledger (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workspace text NOT NULL,
    at timestamptz NOT NULL,
    kind text NOT NULL,
    version text,
    stage text,
    reason text NOT NULL,
    by text NOT NULL,
    revision int NOT NULL,
    cause_id uuid NOT NULL,
    cycle_id uuid,
    detail jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX ledger_newest ON ledger (workspace, seq DESC);
CREATE INDEX ledger_causes ON ledger (cause_id);
