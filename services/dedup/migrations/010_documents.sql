-- Documents that stand and those that repeat them, side by side with their masked text: where one that stands goes, the
-- next is kept. Buckets live in memory and are rebuilt from signatures. Texts from before are not here: those rows are
-- met exactly, and nearly once they are published again.
DROP TABLE buckets;

ALTER TABLE documents
    DROP COLUMN shingles,
    ALTER COLUMN signature DROP NOT NULL,
    ADD COLUMN stands boolean NOT NULL DEFAULT true,
    ADD COLUMN text bytea,
    ADD COLUMN subject text,
    ADD COLUMN about jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN known_at timestamptz,
    ADD COLUMN duplicate_of text, ADD COLUMN kind text, ADD COLUMN similarity double precision;
UPDATE documents SET signature = NULL, known_at = kept_at;
ALTER TABLE documents
    ALTER COLUMN known_at SET NOT NULL,
    -- a text that does not fit beside its row is stored as it is: compressing it costs four times the insertion
    ALTER COLUMN text SET STORAGE EXTERNAL;

INSERT INTO documents (seq, workspace, document_id, source, trusted, digest, cluster, kept_at, known_at, stands,
    duplicate_of, kind, similarity)
SELECT nextval('documents_seq'), workspace, document_id, source, false, '', cluster, found_at, found_at, false,
    duplicate_of, kind, similarity FROM duplicates
ON CONFLICT DO NOTHING;
DROP TABLE duplicates;

DROP INDEX documents_digest;
CREATE INDEX documents_digest ON documents (workspace, digest, seq) WHERE stands;
CREATE INDEX documents_standing ON documents (workspace, seq) WHERE stands;
CREATE INDEX documents_repeating ON documents (workspace, duplicate_of) WHERE duplicate_of IS NOT NULL;
CREATE INDEX documents_found ON documents (workspace, seq) WHERE duplicate_of IS NOT NULL;
CREATE INDEX documents_known ON documents (workspace, known_at);
CREATE INDEX documents_subject ON documents (workspace, subject) WHERE subject IS NOT NULL;

-- `latest` is the highest number given in the workspace: what a process has read less of, it reads before it decides.
ALTER TABLE corpora
    DROP COLUMN layout, DROP COLUMN building,
    ADD COLUMN latest bigint NOT NULL DEFAULT 0, ADD COLUMN generation int NOT NULL DEFAULT 0,
    ADD COLUMN gone bigint NOT NULL DEFAULT 0, ADD COLUMN buried boolean NOT NULL DEFAULT false, ADD COLUMN tidied_on date;  -- the day of the next housekeeping
UPDATE corpora SET latest = coalesce((SELECT max(seq) FROM documents d WHERE d.workspace = corpora.workspace), 0);

-- What left the index, numbered as documents are, for the processes that hold it in memory.
CREATE TABLE departures (
    workspace text NOT NULL, number bigint NOT NULL, seq bigint NOT NULL, at timestamptz NOT NULL,
    PRIMARY KEY (workspace, number)
);
CREATE INDEX departures_at ON departures (at);

-- What was retired or erased, for documents that come after and were known before.
CREATE TABLE tombstones (
    workspace text NOT NULL, kind text NOT NULL CHECK (kind IN ('document', 'subject')), id text NOT NULL,
    known_at timestamptz NOT NULL, at timestamptz NOT NULL,
    PRIMARY KEY (workspace, kind, id)
);
-- Those that repeated what is gone and wait for a decision.
CREATE INDEX documents_orphaned ON documents (workspace, seq) WHERE NOT stands AND duplicate_of IS NULL;
