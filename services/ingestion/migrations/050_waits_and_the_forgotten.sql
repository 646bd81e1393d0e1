-- Why a run waits, until it moves again.
ALTER TABLE runs ADD COLUMN waits_for text;

-- What a source says and was refused: it is looked at again when it changes, and does not stand.
ALTER TABLE found ADD COLUMN refused boolean NOT NULL DEFAULT false;

-- Sources that still name a person who was forgotten: what they say of them is not taken in.
CREATE TABLE still_named (
    workspace text NOT NULL, subject text NOT NULL, source text NOT NULL, seen_at timestamptz NOT NULL,
    PRIMARY KEY (workspace, subject, source)
);
