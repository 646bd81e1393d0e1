-- One row for each signal of a version in a lane. `state` is null until the first value, and `json`, not `jsonb`: its
-- floats come back as they were written.
CREATE TABLE monitors (
    workspace text NOT NULL,
    version text NOT NULL,
    lane integer NOT NULL,
    signal text NOT NULL,
    state json,
    seen_at timestamptz,
    PRIMARY KEY (workspace, version, lane, signal)
);

-- The last announced drift of a version; locked before an alarm is judged.
CREATE TABLE drifts (
    workspace text NOT NULL,
    version text NOT NULL,
    rang_at bigint,
    PRIMARY KEY (workspace, version)
);

-- Every ring with its evidence and what became of it.
CREATE TABLE alarms (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workspace text NOT NULL,
    version text NOT NULL,
    lane integer NOT NULL,
    rang_at timestamptz NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('announced', 'same', 'deferred')),
    event_id uuid,
    evidence json NOT NULL
);
CREATE INDEX ON alarms (workspace, version, rang_at);

-- The production version of a workspace, by its latest route.
CREATE TABLE productions (
    workspace text NOT NULL,
    version text NOT NULL,
    revision integer NOT NULL,
    since timestamptz NOT NULL,
    PRIMARY KEY (workspace, version)
);
