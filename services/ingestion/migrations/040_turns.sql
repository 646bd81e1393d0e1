-- When the next request may go to a host, whichever run of whichever replica makes it.
CREATE TABLE turns (
    host text PRIMARY KEY,
    next_at timestamptz NOT NULL
);
CREATE INDEX turns_past ON turns (next_at);
