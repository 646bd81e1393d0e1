-- Who is observed, and by which pseudonym a person is forgotten: their own where the name is one.
CREATE TABLE entities (
    workspace text NOT NULL, entity text NOT NULL, subject text NOT NULL, PRIMARY KEY (workspace, entity)
);
CREATE INDEX entities_subject ON entities (workspace, subject);

-- What features are computed from: each value of each observation, for as long as a window looks back.
CREATE TABLE observed (
    workspace text NOT NULL, entity text NOT NULL, value text NOT NULL,
    occurred_at timestamptz NOT NULL, known_at timestamptz NOT NULL, id uuid NOT NULL,
    number double precision, word text,
    PRIMARY KEY (workspace, entity, value, occurred_at, known_at, id)
);
CREATE INDEX observed_age ON observed (workspace, value, occurred_at);

-- Since when all is held of a value: null from the first observation on, else what is older was dropped or never taken.
-- While no feature looks at it, it is not declared, and not taken.
CREATE TABLE held (
    workspace text NOT NULL, value text NOT NULL, since timestamptz, declared boolean NOT NULL,
    PRIMARY KEY (workspace, value)
);
