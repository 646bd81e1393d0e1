-- The chassis's own tables, in every service's schema. Applied at each start; every statement can be repeated.
CREATE TABLE IF NOT EXISTS migrations (name text PRIMARY KEY, digest text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now());

CREATE TABLE IF NOT EXISTS positions (
    consumer text NOT NULL, topic text NOT NULL, partition int NOT NULL, next_offset bigint NOT NULL,
    PRIMARY KEY (consumer, topic, partition)
);

-- Partitioned by the day that the publisher gave the event, so that a repetition meets the first in one partition.
-- The id leads the key, for it alone tells rows apart at the first comparison.
CREATE TABLE IF NOT EXISTS inbox (
    consumer text NOT NULL, id uuid NOT NULL, day date NOT NULL, seen_on date NOT NULL DEFAULT current_date,
    PRIMARY KEY (id, consumer, day)
) PARTITION BY RANGE (day);
CREATE TABLE IF NOT EXISTS inbox_other PARTITION OF inbox DEFAULT;

-- A long body is not compressed: it lives for moments, and compressing it costs four times its insertion.
CREATE TABLE IF NOT EXISTS outbox (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    topic text NOT NULL, key text NOT NULL, headers text NOT NULL, body bytea STORAGE EXTERNAL NOT NULL
);

CREATE TABLE IF NOT EXISTS dead_letters (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    handler text NOT NULL, topic text NOT NULL, partition int NOT NULL, record_offset bigint NOT NULL,
    event_id uuid, reason text NOT NULL, at timestamptz NOT NULL DEFAULT now(), expires_at timestamptz,
    sealed boolean NOT NULL, record_time bigint NOT NULL, key bytea, headers bytea NOT NULL, body bytea NOT NULL,
    replayed_at timestamptz
);
CREATE INDEX IF NOT EXISTS dead_letters_at ON dead_letters (at);

-- Who asked to be forgotten, and how much of them went. Kept as long as topics may still bring what was known before.
CREATE TABLE IF NOT EXISTS erased (
    erasure text PRIMARY KEY, workspace text NOT NULL, subject text NOT NULL, known_at timestamptz NOT NULL,
    counts jsonb NOT NULL DEFAULT '{}', seen_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX IF NOT EXISTS erased_people ON erased (workspace, subject);

-- Which bodies of ours lie in S3, whom they name (by pseudonym), and until when. Must outlive a rebuilding of the rest.
CREATE TABLE IF NOT EXISTS bodies (
    name text PRIMARY KEY, workspace text NOT NULL, people text[] NOT NULL, known_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX IF NOT EXISTS bodies_due ON bodies (expires_at);

CREATE TABLE IF NOT EXISTS leases (
    name text PRIMARY KEY, holder uuid NOT NULL, token bigint NOT NULL, until timestamptz NOT NULL
);

CREATE TABLE IF NOT EXISTS jobs (
    id uuid PRIMARY KEY, kind text NOT NULL, key text NOT NULL, workspace text NOT NULL, payload jsonb NOT NULL,
    run_at timestamptz NOT NULL, state text NOT NULL DEFAULT 'waiting', attempts int NOT NULL DEFAULT 0,
    token bigint NOT NULL DEFAULT 0, lease_until timestamptz, claimed_at timestamptz, finished_at timestamptz, error text,
    cause_id uuid NOT NULL, cycle_id uuid, occurred_at timestamptz NOT NULL, traceparent text,
    UNIQUE (kind, key)
);
CREATE INDEX IF NOT EXISTS jobs_due ON jobs (kind, run_at) WHERE state IN ('waiting', 'running');
-- Whose turn it is: the newest claim of a workspace. And what housekeeping deletes.
CREATE INDEX IF NOT EXISTS jobs_turns ON jobs (kind, workspace, claimed_at);
CREATE INDEX IF NOT EXISTS jobs_finished ON jobs (finished_at) WHERE finished_at IS NOT NULL;
