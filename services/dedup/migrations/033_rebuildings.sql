-- How far the last rebuilding of each workspace from the log has come. `positions`: up to where the new shelf has the log.
-- `place`: up to which number the phase has come, of those up to `mark`.
CREATE TABLE rebuildings (
    workspace text PRIMARY KEY, number int NOT NULL, shelf text NOT NULL, former text NOT NULL,
    phase text NOT NULL DEFAULT 'reading', asked_at timestamptz NOT NULL, ended_at timestamptz, since timestamptz,
    positions jsonb NOT NULL DEFAULT '{}', place bigint NOT NULL DEFAULT 0, mark bigint NOT NULL DEFAULT 0,
    behind bigint NOT NULL DEFAULT 0,
    read bigint NOT NULL DEFAULT 0, carried bigint NOT NULL DEFAULT 0, folded bigint NOT NULL DEFAULT 0,
    told bigint NOT NULL DEFAULT 0, missing bigint NOT NULL DEFAULT 0
);
-- The documents that the log has, for a shelf that is being built.
CREATE TABLE logged (shelf text NOT NULL, document_id text NOT NULL, PRIMARY KEY (shelf, document_id));
