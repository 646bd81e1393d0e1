-- What can be searched. `seq` rises with every change of a corpus, so that a number names what stood.
CREATE TABLE corpora (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workspace text NOT NULL, corpus text NOT NULL,
    seq bigint NOT NULL DEFAULT 0,
    dimensions int NOT NULL,
    configurations text[] NOT NULL DEFAULT '{}',
    UNIQUE (workspace, corpus)
);
-- Revisions of documents. Without from_seq one waits for its vectors; one with to_seq is kept for a snapshot alone.
-- Partition and place are where its event stands in the log: the order that dedup gave, whichever way the event came here.
CREATE TABLE documents (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    corpus int NOT NULL REFERENCES corpora,
    document_id text NOT NULL, partition int NOT NULL, place bigint NOT NULL, replaces text,
    source text NOT NULL, language text, subject text, metadata jsonb NOT NULL, text text NOT NULL,
    known_at timestamptz NOT NULL, taken_at timestamptz NOT NULL,
    shape text, chunks int, from_seq bigint, to_seq bigint
);
CREATE INDEX documents_of_id ON documents (corpus, document_id);
CREATE INDEX documents_of_subject ON documents (subject) WHERE subject IS NOT NULL;
CREATE INDEX documents_waiting ON documents (corpus) WHERE from_seq IS NULL;
-- One partition, and so one graph of neighbours, for each corpus: a search never walks through another's.
CREATE TABLE chunks (
    corpus int NOT NULL, document bigint NOT NULL, ordinal int NOT NULL, start int NOT NULL, stop int NOT NULL,
    from_seq bigint NOT NULL, to_seq bigint,
    source text NOT NULL, language text, metadata jsonb NOT NULL,
    words tsvector NOT NULL, embedding halfvec NOT NULL,
    PRIMARY KEY (document, ordinal, corpus)
) PARTITION BY LIST (corpus);
CREATE TABLE snapshots (
    corpus int NOT NULL REFERENCES corpora, name text NOT NULL, seq bigint NOT NULL, at timestamptz NOT NULL,
    documents int NOT NULL, chunks int NOT NULL, erased int NOT NULL DEFAULT 0,
    PRIMARY KEY (corpus, name)
);
-- Topics are not ordered among each other: what is known no later than this does not come back.
CREATE TABLE tombstones (
    workspace text NOT NULL, document_id text NOT NULL, known_at timestamptz NOT NULL,
    at timestamptz NOT NULL, PRIMARY KEY (workspace, document_id)
);
CREATE INDEX tombstones_at ON tombstones (at);
-- The declaration of corpora that the index was last asked to follow.
CREATE TABLE declared (workspace text PRIMARY KEY, digest text NOT NULL, turn int NOT NULL);
