-- One row a workspace: what its batches of observations lock.
CREATE TABLE observed (
    workspace text PRIMARY KEY,
    rows bigint NOT NULL DEFAULT 0,      -- ever taken; the last one's number
    buffered bigint NOT NULL DEFAULT 0,  -- not in a part yet
    parts int NOT NULL DEFAULT 0,
    flushing boolean NOT NULL DEFAULT false
);

-- Observations until they are in a part. Values are JSON as it came: its numbers are read back to the bit.
CREATE TABLE observations (
    workspace text NOT NULL, seq bigint NOT NULL, source text NOT NULL, entity text NOT NULL, id uuid NOT NULL,
    occurred_at timestamptz NOT NULL, known_at timestamptz NOT NULL, values text NOT NULL,
    PRIMARY KEY (workspace, seq)
);
CREATE INDEX observations_entity ON observations (workspace, entity);

CREATE TABLE observation_parts (
    workspace text NOT NULL, part int NOT NULL, blob text NOT NULL, rows bigint NOT NULL, bytes bigint NOT NULL,
    first_seq bigint NOT NULL, last_seq bigint NOT NULL, PRIMARY KEY (workspace, part)
);

-- Who is observed, by which pseudonym a person is forgotten, and in which parts.
CREATE TABLE entities (
    workspace text NOT NULL, entity text NOT NULL, subject text NOT NULL, PRIMARY KEY (workspace, entity)
);
CREATE INDEX entities_subject ON entities (workspace, subject);
CREATE TABLE part_entities (
    workspace text NOT NULL, entity text NOT NULL, part int NOT NULL, PRIMARY KEY (workspace, entity, part)
);

-- Tables of features that were asked for; their files go after a while.
CREATE TABLE feature_tables (
    id uuid PRIMARY KEY, workspace text NOT NULL, asked_at timestamptz NOT NULL, by text NOT NULL,
    spec jsonb NOT NULL, rows_up_to bigint NOT NULL, state text NOT NULL DEFAULT 'waiting',
    blob text, digest text, bytes bigint, rows bigint, left_out jsonb, reason text
);
CREATE INDEX feature_tables_workspace ON feature_tables (workspace, asked_at);

-- Blobs that nothing points to: announced by a job that is writing them, stray, or doomed while they are deleted.
CREATE TABLE shelf (
    workspace text NOT NULL, blob text NOT NULL, state text NOT NULL, job uuid, PRIMARY KEY (workspace, blob)
);
