-- `deployment` is production's, whole: its weights can be declared anew under other parameters.
CREATE TABLE tracks (
    workspace text PRIMARY KEY,
    production text,
    deployment jsonb,
    past text[] NOT NULL DEFAULT '{}',
    last uuid,
    pending jsonb NOT NULL DEFAULT '[]',
    covered timestamptz,
    cut_at timestamptz,
    created_at timestamptz NOT NULL
);

CREATE TABLE cycles (
    id uuid PRIMARY KEY,
    workspace text NOT NULL REFERENCES tracks,
    because text NOT NULL,
    attempt int NOT NULL,
    opened_at timestamptz NOT NULL,
    deadline timestamptz NOT NULL,
    workspace_revision int NOT NULL,
    min_labels int NOT NULL,
    change_point timestamptz,
    version text,
    drift_id uuid,
    methods text[] NOT NULL,
    note text NOT NULL,
    state text NOT NULL,
    dataset text,
    manifest text,
    plan jsonb,
    cut_at timestamptz,
    closed_at timestamptz,
    outcome text,
    reason text,
    became text
);
CREATE UNIQUE INDEX one_open_cycle ON cycles (workspace) WHERE state <> 'closed';
CREATE INDEX cycles_newest ON cycles (workspace, opened_at DESC);

CREATE TABLE runs (
    id uuid PRIMARY KEY,
    cycle_id uuid NOT NULL REFERENCES cycles,
    workspace text NOT NULL,
    number int NOT NULL,
    method text NOT NULL,
    base text NOT NULL,
    untrusted boolean NOT NULL,
    state text NOT NULL,
    claims int NOT NULL DEFAULT 0,
    started_at timestamptz,
    ended_at timestamptz,
    stage text,
    step int,
    steps int,
    loss double precision,
    seconds double precision NOT NULL DEFAULT 0,
    scores jsonb NOT NULL DEFAULT '{}',
    bytes bigint NOT NULL DEFAULT 0,
    artifact text,
    digest text,
    labels text[],
    environment jsonb NOT NULL DEFAULT '{}',
    stopped text,
    resumed_from int,
    failed text,
    picked boolean,
    why text
);
CREATE INDEX runs_of_cycle ON runs (cycle_id);
CREATE INDEX runs_newest ON runs (workspace, started_at DESC);

CREATE TABLE alerts (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workspace text NOT NULL,
    cycle_id uuid,
    kind text NOT NULL,
    version text,
    reason text NOT NULL,
    at timestamptz NOT NULL
);
CREATE INDEX alerts_newest ON alerts (workspace, id DESC);
