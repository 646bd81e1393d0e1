ALTER TABLE arrivals ADD COLUMN subject text;
CREATE INDEX arrivals_subject ON arrivals (workspace, subject) WHERE subject IS NOT NULL;

-- documents gone at their source: what was known of them until then may still come by document.kept
CREATE TABLE retired (
    workspace text NOT NULL,
    document_id text NOT NULL,
    known_at timestamptz NOT NULL,
    PRIMARY KEY (workspace, document_id)
);
