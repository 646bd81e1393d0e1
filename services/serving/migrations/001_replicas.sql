-- A replica is live until its lease ends; what each has of a route goes with it.
CREATE TABLE replicas (replica uuid PRIMARY KEY, until timestamptz NOT NULL);
CREATE TABLE reports (
    replica uuid NOT NULL REFERENCES replicas ON DELETE CASCADE,
    workspace text NOT NULL, revision int NOT NULL, ok boolean NOT NULL, reason text NOT NULL,
    PRIMARY KEY (workspace, revision, replica)
);
-- One row, and with it one route.applied, for each revision.
CREATE TABLE applied (
    workspace text NOT NULL, revision int NOT NULL, ok boolean NOT NULL, replicas int NOT NULL, reason text NOT NULL,
    at timestamptz NOT NULL, PRIMARY KEY (workspace, revision)
);
