-- One row a workspace: what its batches and its cycles lock.
CREATE TABLE corpora (
    workspace text PRIMARY KEY,
    rows bigint NOT NULL DEFAULT 0,      -- ever kept; the last row's number
    replaced bigint NOT NULL DEFAULT 0,
    fresh bigint NOT NULL DEFAULT 0,     -- since the last version or the last dataset.grown
    buffered bigint NOT NULL DEFAULT 0,  -- rows whose text is still here
    parts int NOT NULL DEFAULT 0,
    flushing boolean NOT NULL DEFAULT false
);

-- Traits of every row, for ever; its text only until it is in a part.
CREATE TABLE rows (
    workspace text NOT NULL, seq bigint NOT NULL, document_id text NOT NULL,
    source text NOT NULL, label text, suite text, cluster text NOT NULL, split text NOT NULL,
    trainable boolean NOT NULL, trusted boolean NOT NULL, basis text, feedback_id text, language text, subject text,
    occurred_at timestamptz NOT NULL, known_at timestamptz NOT NULL, dice double precision NOT NULL,
    origin_topic text NOT NULL, origin_partition int, origin_offset bigint, origin_event text NOT NULL,
    replaced_by bigint, part int, text text,
    PRIMARY KEY (workspace, seq)
);
CREATE UNIQUE INDEX rows_standing ON rows (workspace, document_id) WHERE replaced_by IS NULL;
CREATE INDEX rows_golden ON rows (workspace, cluster) WHERE suite IS NOT NULL AND trusted;
CREATE INDEX rows_occurred ON rows (workspace, occurred_at) WHERE label IS NOT NULL;

CREATE TABLE parts (
    workspace text NOT NULL, part int NOT NULL, blob text NOT NULL, sha256 text NOT NULL, bytes bigint NOT NULL,
    first_seq bigint NOT NULL, last_seq bigint NOT NULL, PRIMARY KEY (workspace, part)
);

CREATE TABLE duplicates (
    workspace text NOT NULL, kind text NOT NULL, count bigint NOT NULL, PRIMARY KEY (workspace, kind)
);

-- What a cycle asked for, and what became of it.
CREATE TABLE cuts (
    key text PRIMARY KEY, workspace text NOT NULL, request jsonb NOT NULL, deadline timestamptz NOT NULL,
    change_point timestamptz, min_labels int NOT NULL, seen bigint NOT NULL, looked bigint NOT NULL DEFAULT 0,
    state text NOT NULL DEFAULT 'waiting', rule jsonb, dataset text, reason text
);
CREATE INDEX cuts_waiting ON cuts (workspace) WHERE state = 'waiting';

CREATE TABLE versions (
    workspace text NOT NULL, digest text NOT NULL, manifest text NOT NULL, body jsonb NOT NULL,
    number int NOT NULL, created_at timestamptz NOT NULL, PRIMARY KEY (workspace, digest), UNIQUE (workspace, number)
);
