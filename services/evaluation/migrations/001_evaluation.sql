-- every revision of a workspace: the table topic keeps the last only, a rollout the one that it started under
CREATE TABLE specs (
    workspace text NOT NULL,
    revision bigint NOT NULL,
    spec json NOT NULL,
    PRIMARY KEY (workspace, revision)
);

CREATE TABLE evaluations (
    id uuid PRIMARY KEY,
    workspace text NOT NULL,
    version text NOT NULL,
    against text,
    revision bigint NOT NULL,
    dataset text NOT NULL,
    requested_at timestamptz NOT NULL,
    verdict text,
    reason text,
    result json,
    judged_at timestamptz
);
CREATE INDEX evaluations_newest ON evaluations (workspace, requested_at DESC);

-- what a version answered to a suite, by digest of both; the answers are in S3
CREATE TABLE scored (
    digest text NOT NULL,
    workspace text NOT NULL,
    version text NOT NULL,
    suite text NOT NULL,
    suite_digest text NOT NULL,
    macro_f1 double precision NOT NULL,
    accuracy double precision NOT NULL,
    labels text[] NOT NULL,
    blob text NOT NULL,
    PRIMARY KEY (workspace, digest)
);
CREATE INDEX scored_suite ON scored (workspace, suite_digest);

-- a step is a route's revision with a shadow or a canary; open while it has no verdict, started once it is applied
CREATE TABLE steps (
    workspace text NOT NULL,
    revision bigint NOT NULL,
    workspace_revision bigint NOT NULL,
    step text NOT NULL CHECK (step IN ('shadow', 'canary')),
    version text NOT NULL,
    production text NOT NULL,
    share double precision,
    delay interval NOT NULL,
    otherwise text NOT NULL,
    cycle_id uuid,
    routed_at timestamptz NOT NULL,
    applied_at timestamptz,
    closes_at timestamptz,
    state json,
    verdict text,
    because text,
    evidence json,
    judged_at timestamptz,
    PRIMARY KEY (workspace, revision)
);
CREATE UNIQUE INDEX steps_open ON steps (workspace) WHERE verdict IS NULL;

-- revisions that every replica has; the report may come before the route that it is about
CREATE TABLE applied (
    workspace text NOT NULL,
    revision bigint NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (workspace, revision)
);

-- a unit's first answer in a canary step; it is counted for bad words once it is older than the delay of feedback
CREATE TABLE units (
    workspace text NOT NULL,
    revision bigint NOT NULL,
    unit text NOT NULL,
    canary boolean NOT NULL,
    due_at timestamptz NOT NULL,
    served boolean NOT NULL DEFAULT false,
    negative boolean NOT NULL DEFAULT false,
    counted boolean NOT NULL DEFAULT false,
    PRIMARY KEY (workspace, revision, unit)
);
CREATE INDEX units_due ON units (workspace, revision, due_at) WHERE served AND NOT counted;

-- trusted, blind labels by request; in shadow both arms answer the same one
CREATE TABLE labels (
    workspace text NOT NULL,
    revision bigint NOT NULL,
    request_id text NOT NULL,
    unit text NOT NULL,
    due_at timestamptz NOT NULL,
    production boolean,
    candidate boolean,
    counted boolean NOT NULL DEFAULT false,
    PRIMARY KEY (workspace, revision, request_id)
);
CREATE INDEX labels_due ON labels (workspace, revision, due_at) WHERE NOT counted;

-- units whose label was counted, and people whose bad word was: one each
CREATE TABLE once (
    workspace text NOT NULL,
    revision bigint NOT NULL,
    what text NOT NULL CHECK (what IN ('labelled', 'voted')),
    who text NOT NULL,
    PRIMARY KEY (workspace, revision, what, who)
);

-- how slow a version usually is in production, outside of rollouts
CREATE TABLE slowness (
    workspace text NOT NULL,
    version text NOT NULL,
    state json NOT NULL DEFAULT '{}',
    PRIMARY KEY (workspace, version)
);

-- newly kept, trusted labels: those that come after a training cut join its fresh suite; the newest only, for a week
CREATE TABLE arrivals (
    seq bigint GENERATED ALWAYS AS IDENTITY,
    workspace text NOT NULL,
    document_id text NOT NULL,
    source text NOT NULL,
    text text NOT NULL,
    label text NOT NULL,
    cluster text NOT NULL,
    known_at timestamptz NOT NULL,
    PRIMARY KEY (workspace, document_id)
);
CREATE INDEX arrivals_newest ON arrivals (workspace, seq DESC);
