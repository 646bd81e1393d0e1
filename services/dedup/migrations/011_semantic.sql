-- What an encoder said of each document that stands: a partition a workspace, made as it is needed, each with its own index.
CREATE TABLE embeddings (
    workspace text NOT NULL, seq bigint NOT NULL, vector halfvec(384) NOT NULL,
    PRIMARY KEY (workspace, seq)
) PARTITION BY LIST (workspace);
CREATE INDEX embeddings_near ON embeddings USING hnsw (vector halfvec_cosine_ops);

-- `embedded_to`: documents up to this number have been compared by meaning. `embedding`: a job is about to do so.
ALTER TABLE corpora
    ADD COLUMN semantic bigint NOT NULL DEFAULT 0,
    ADD COLUMN embedded_to bigint NOT NULL DEFAULT 0, ADD COLUMN embedding boolean NOT NULL DEFAULT false;
