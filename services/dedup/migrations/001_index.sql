-- One row a workspace: what its batches lock, so that documents and feedback on other partitions take turns.
CREATE TABLE corpora (
    workspace text PRIMARY KEY,
    layout smallint NOT NULL,
    building smallint,
    kept bigint NOT NULL DEFAULT 0, revised bigint NOT NULL DEFAULT 0,
    exact bigint NOT NULL DEFAULT 0, near bigint NOT NULL DEFAULT 0
);

-- Sketches only: no text is kept here.
CREATE TABLE documents (
    seq bigint PRIMARY KEY,
    workspace text NOT NULL, document_id text NOT NULL, source text NOT NULL, label text, suite text,
    trusted boolean NOT NULL, basis text, digest bytea NOT NULL, signature bytea NOT NULL, shingles bytea NOT NULL,
    cluster text NOT NULL, kept_at timestamptz NOT NULL,
    UNIQUE (workspace, document_id)
);
ALTER TABLE documents ALTER COLUMN signature SET STORAGE EXTERNAL, ALTER COLUMN shingles SET STORAGE EXTERNAL;
CREATE INDEX documents_digest ON documents (workspace, digest, seq);
CREATE SEQUENCE documents_seq;

-- Workspace, layout and band are part of the hash.
CREATE TABLE buckets (bucket bigint NOT NULL, seq bigint NOT NULL, PRIMARY KEY (bucket, seq));

CREATE TABLE golden_clusters (workspace text NOT NULL, cluster text NOT NULL, PRIMARY KEY (workspace, cluster));

CREATE TABLE duplicates (
    workspace text NOT NULL, document_id text NOT NULL, source text NOT NULL, duplicate_of text NOT NULL,
    kind text NOT NULL, similarity double precision NOT NULL, cluster text NOT NULL, found_at timestamptz NOT NULL,
    PRIMARY KEY (workspace, document_id)
);
CREATE INDEX duplicates_of ON duplicates (workspace, duplicate_of);

-- Feedback that became a document, or was superseded before it could.
CREATE TABLE feedback (workspace text NOT NULL, feedback_id text NOT NULL, PRIMARY KEY (workspace, feedback_id));
