-- What is kept of a workspace's documents lies on a shelf. One is current; another may be built from the log beside it, and
-- becomes current in one transaction. A shelf is named as its workspace until the first such rebuilding.
ALTER TABLE documents RENAME COLUMN workspace TO shelf;
ALTER TABLE golden_clusters RENAME COLUMN workspace TO shelf;
ALTER TABLE departures RENAME COLUMN workspace TO shelf;
ALTER TABLE embeddings RENAME COLUMN workspace TO shelf;

ALTER TABLE corpora ADD COLUMN shelf text, ADD COLUMN current boolean NOT NULL DEFAULT true;
UPDATE corpora SET shelf = workspace;
ALTER TABLE corpora ALTER COLUMN shelf SET NOT NULL, DROP CONSTRAINT corpora_pkey, ADD PRIMARY KEY (shelf);
CREATE UNIQUE INDEX corpora_current ON corpora (workspace) WHERE current;
CREATE INDEX corpora_workspace ON corpora (workspace);
