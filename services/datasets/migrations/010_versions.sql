-- `turn` counts what changes standing rows without adding one, so that a cut can be made again as of a turn.
-- `set_aside` are row numbers, as a multirange, that a rollback keeps out of cuts.
ALTER TABLE corpora
    ADD current text, ADD set_aside text NOT NULL DEFAULT '{}', ADD turn bigint NOT NULL DEFAULT 0,
    ADD erased_turn bigint NOT NULL DEFAULT 0, ADD housekept boolean NOT NULL DEFAULT false;
UPDATE corpora c SET current = (
    SELECT digest FROM versions v WHERE v.workspace = c.workspace ORDER BY number DESC LIMIT 1);

ALTER TABLE versions
    ADD pinned boolean NOT NULL DEFAULT false, ADD redacted bigint NOT NULL DEFAULT 0, ADD profile text,
    ADD emptied_at timestamptz;
CREATE UNIQUE INDEX versions_digest ON versions (digest);

-- What people did with versions, and why.
CREATE TABLE moves (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, workspace text NOT NULL, at timestamptz NOT NULL,
    move text NOT NULL, version int NOT NULL, by text NOT NULL, reason text NOT NULL, set_aside text, key text UNIQUE
);
CREATE INDEX moves_of ON moves (workspace, id);
