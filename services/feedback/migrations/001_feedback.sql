-- Nothing but a lock for each request: who joins a feedback to the request's predictions holds it first.
CREATE TABLE requests (
    workspace text NOT NULL,
    request_id text NOT NULL,
    since timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace, request_id)
);
CREATE INDEX ON requests (since);

-- An answer, or, with `request_id` null, the place of one that feedback has named before it came.
CREATE TABLE predictions (
    workspace text NOT NULL,
    prediction_id text NOT NULL,
    request_id text,
    lane integer,
    version text,
    arm text,
    revision integer,
    text text,
    predicted text,
    unit text,
    probability double precision,
    predicted_at timestamptz,
    known_at timestamptz,
    since timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace, prediction_id)
);
CREATE INDEX ON predictions (workspace, request_id);
CREATE INDEX ON predictions (workspace, version, predicted_at) WHERE arm = 'production';
CREATE INDEX ON predictions (since);

CREATE TABLE feedback (
    workspace text NOT NULL,
    feedback_id uuid NOT NULL,
    kind text NOT NULL,
    text text,
    number double precision,
    source text NOT NULL,
    trusted boolean NOT NULL,
    basis text NOT NULL,
    request_id text,
    names text[] NOT NULL,
    supersedes uuid,
    actor text,
    given_at timestamptz NOT NULL,
    known_at timestamptz NOT NULL,
    traceparent text,
    deadline timestamptz NOT NULL,
    PRIMARY KEY (workspace, feedback_id)
);
CREATE INDEX ON feedback (workspace, request_id) WHERE request_id IS NOT NULL;
CREATE INDEX ON feedback (workspace, (names[1])) WHERE names[1] IS NOT NULL;
CREATE INDEX ON feedback (workspace, (names[2])) WHERE names[2] IS NOT NULL;
CREATE INDEX ON feedback (workspace, supersedes) WHERE supersedes IS NOT NULL;
CREATE INDEX ON feedback (known_at);

CREATE TABLE joined (
    workspace text NOT NULL,
    feedback_id uuid NOT NULL,
    prediction_id text NOT NULL,
    kind text NOT NULL,
    version text NOT NULL,
    arm text NOT NULL,
    judges boolean NOT NULL,
    correct boolean,
    given_at timestamptz NOT NULL,
    predicted_at timestamptz NOT NULL,
    PRIMARY KEY (workspace, feedback_id, prediction_id)
);
COMMENT ON COLUMN joined.judges IS 'trusted, and not given while looking at our answer';
CREATE INDEX ON joined (workspace, prediction_id);
CREATE INDEX ON joined (workspace, predicted_at) WHERE judges AND correct IS NOT NULL;
CREATE INDEX ON joined (predicted_at);

-- What people are asked to label, with the probability that the draw had of asking.
CREATE TABLE annotations (
    workspace text NOT NULL,
    prediction_id text NOT NULL,
    drift_id uuid NOT NULL,
    reason text NOT NULL CHECK (reason IN ('uncertain', 'uniform')),
    inclusion double precision NOT NULL CHECK (inclusion > 0 AND inclusion <= 1),
    drawn_at timestamptz NOT NULL,
    PRIMARY KEY (workspace, prediction_id)
);
CREATE INDEX ON annotations (drawn_at);
