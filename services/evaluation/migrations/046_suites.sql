-- suites that teams brought: each time rows are brought is a version, and the newest judges; `retired_at`: none does
CREATE TABLE suites (
    workspace text NOT NULL,
    name text NOT NULL,
    version int NOT NULL,
    kind text NOT NULL,
    owner text NOT NULL,
    digest text NOT NULL,
    rows int NOT NULL,
    by text NOT NULL,
    added_at timestamptz NOT NULL,
    retired_at timestamptz,
    retired_by text,
    PRIMARY KEY (workspace, name, version)
);

-- their rows, masked; an erasure takes out those that are of the person
CREATE TABLE suite_rows (
    workspace text NOT NULL,
    name text NOT NULL,
    version int NOT NULL,
    place int NOT NULL,
    id text NOT NULL,
    text text NOT NULL,
    label text,
    "group" text,
    subject text,
    added_at timestamptz NOT NULL,
    PRIMARY KEY (workspace, name, version, place)
);
CREATE INDEX suite_rows_subject ON suite_rows (workspace, subject) WHERE subject IS NOT NULL;

-- how much a version is, by the digest of its bytes: its files, and its tensors while it answers
CREATE TABLE sizes (
    workspace text NOT NULL,
    digest text NOT NULL,
    bytes bigint NOT NULL,
    memory bigint NOT NULL,
    PRIMARY KEY (workspace, digest)
);
