-- When a run that waits is tried again.
ALTER TABLE runs ADD COLUMN tried_at timestamptz;
