CREATE TABLE sources (
    workspace text NOT NULL,
    source text NOT NULL,
    submitted bigint NOT NULL,
    accepted bigint NOT NULL,
    rejected bigint NOT NULL,
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    PRIMARY KEY (workspace, source)
);

-- what: submitted, accepted, rejected (detail: the topic), masked (detail: the kind), reason (detail: the code)
CREATE TABLE counts (
    workspace text NOT NULL,
    what text NOT NULL,
    detail text NOT NULL,
    n bigint NOT NULL,
    PRIMARY KEY (workspace, what, detail)
);

CREATE TABLE quarantine (
    event_id uuid PRIMARY KEY,
    workspace text NOT NULL,
    topic text NOT NULL,
    source text NOT NULL,
    reasons jsonb NOT NULL,
    masked_text text,
    rejected_at timestamptz NOT NULL
);
CREATE INDEX quarantine_newest ON quarantine (workspace, rejected_at DESC, event_id);
