-- Observations past `data.retention` go. What was known before `aged_before` is gone already.
ALTER TABLE observed ADD COLUMN housekept boolean NOT NULL DEFAULT false, ADD COLUMN aged_before timestamptz;
-- When the first of a part's observations was known; null where nobody has looked yet.
ALTER TABLE observation_parts ADD COLUMN oldest timestamptz;
CREATE INDEX observations_known ON observations (workspace, known_at);
