-- `founds`: it began its cluster when it was first seen. Compared by meaning for the first time it may join another, with
-- all that its cluster has. What was here before stays where it is. `compared_to`: up to this number that has been done.
ALTER TABLE documents ADD COLUMN founds boolean NOT NULL DEFAULT false;
ALTER TABLE corpora ADD COLUMN compared_to bigint NOT NULL DEFAULT 0;
CREATE INDEX documents_joined ON documents (workspace, cluster) WHERE cluster <> document_id;
