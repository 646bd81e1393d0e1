-- A declared source that is fetched, as it was declared when it was last looked at; empty once it no longer is. `mark` is
-- the last value of a SQL source's cursor, read under a declaration.
CREATE TABLE fetched (
    workspace text NOT NULL,
    source text NOT NULL,
    declaration text NOT NULL,
    last_run bigint NOT NULL DEFAULT 0,
    mark text,
    marked_under text,
    PRIMARY KEY (workspace, source)
);

-- state: waiting, running, complete, partial, failed, cancelled. Of a source one run at most waits or runs.
CREATE TABLE runs (
    workspace text NOT NULL,
    source text NOT NULL,
    run bigint NOT NULL,
    state text NOT NULL DEFAULT 'waiting',
    asked_by text,
    due_at timestamptz NOT NULL,
    started_at timestamptz,
    moved_at timestamptz,
    ended_at timestamptz,
    declaration text,
    tries int NOT NULL DEFAULT 0,
    position bytea,
    counts jsonb NOT NULL DEFAULT '{}',
    reason text,
    PRIMARY KEY (workspace, source, run)
);
CREATE UNIQUE INDEX runs_open ON runs (workspace, source) WHERE state IN ('waiting', 'running');

-- What a run could not take, and why; the item is masked.
CREATE TABLE troubles (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workspace text NOT NULL,
    source text NOT NULL,
    run bigint NOT NULL,
    item text NOT NULL,
    code text NOT NULL,
    reason text NOT NULL
);
CREATE INDEX troubles_of ON troubles (workspace, source, run, id);

-- A page or a file: what tells whether it changed, and where its links lead. `read` is the last run that read it,
-- `settled` the last that found it as it was or could not read it: none of its documents is known to be gone.
CREATE TABLE places (
    workspace text NOT NULL,
    source text NOT NULL,
    place uuid NOT NULL,
    declaration text NOT NULL,
    etag text,
    modified text,
    links text[] NOT NULL DEFAULT '{}',
    read bigint NOT NULL DEFAULT 0,
    settled bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (workspace, source, place)
);

-- A document of a source: the keyed digest of its newest revision, and the last run that saw it. `gone`: it has vanished,
-- and is forgotten after a while.
CREATE TABLE found (
    workspace text NOT NULL,
    source text NOT NULL,
    document uuid NOT NULL,
    place uuid NOT NULL,
    digest bytea NOT NULL,
    revision bigint NOT NULL,
    gone boolean NOT NULL DEFAULT false,
    gone_at timestamptz,
    seen bigint NOT NULL,
    PRIMARY KEY (workspace, source, document)
);
CREATE INDEX found_at ON found (workspace, source, place) WHERE NOT gone;
CREATE INDEX found_seen ON found (workspace, source, seen) WHERE NOT gone;
CREATE INDEX found_gone ON found (workspace, source, gone_at) WHERE gone;

-- Pages that a crawl has still to look at, and those it has; of the open run alone.
CREATE TABLE frontier (
    workspace text NOT NULL,
    source text NOT NULL,
    run bigint NOT NULL,
    place uuid NOT NULL,
    url text NOT NULL,
    kind text NOT NULL,
    depth int NOT NULL,
    number bigint GENERATED ALWAYS AS IDENTITY,
    tries int NOT NULL DEFAULT 0,
    not_before timestamptz NOT NULL DEFAULT '-infinity',
    done boolean NOT NULL DEFAULT false,
    PRIMARY KEY (workspace, source, run, place)
);
CREATE INDEX frontier_waiting ON frontier (workspace, source, run, tries, depth, number) WHERE NOT done;
