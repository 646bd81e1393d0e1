-- A row that was retired stands no more from a turn on; one to be erased is marked with a turn until it is in no file
-- any more. `revised`: it replaced another.
ALTER TABLE rows ADD ended bigint, ADD erased bigint, ADD revised boolean NOT NULL DEFAULT false;
DROP INDEX rows_standing;
CREATE UNIQUE INDEX rows_standing ON rows (workspace, document_id) WHERE replaced_by IS NULL AND ended IS NULL;
CREATE INDEX rows_subject ON rows (workspace, subject) WHERE subject IS NOT NULL;
CREATE INDEX rows_known ON rows (workspace, known_at);
CREATE INDEX rows_erased ON rows (workspace, seq) WHERE erased IS NOT NULL;

-- Retired documents: what was known until then and comes late does not stand either.
CREATE TABLE tombstones (
    workspace text NOT NULL, document_id text NOT NULL, known_at timestamptz NOT NULL, PRIMARY KEY (workspace, document_id)
);

-- Dropped duplicates that count for the row that was kept, by the turn in which they came.
CREATE TABLE echoes (
    workspace text NOT NULL, document_id text NOT NULL, turn bigint NOT NULL, known_at timestamptz NOT NULL,
    times bigint NOT NULL, PRIMARY KEY (workspace, document_id, turn, known_at)
);

CREATE TABLE erasures (
    workspace text NOT NULL, erasure text NOT NULL, rows bigint NOT NULL, files bigint NOT NULL DEFAULT 0,
    datasets jsonb NOT NULL DEFAULT '[]', because text NOT NULL, asked_at timestamptz NOT NULL, done_at timestamptz,
    PRIMARY KEY (workspace, erasure)
);

-- Blobs that may lie in S3 without anything that points to them: announced before they are put, dropped once published.
-- `turn` is that of the last erasure they know of.
CREATE TABLE strays (
    workspace text NOT NULL, blob text NOT NULL, turn bigint NOT NULL, PRIMARY KEY (workspace, blob)
);
