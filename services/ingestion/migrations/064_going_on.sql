-- Where a run that was not done in its time left off, the run that began that reading, and why it may have missed
-- something: the next goes on from there if the source is declared as it was then.
ALTER TABLE fetched
    ADD COLUMN left_at bytea,
    ADD COLUMN left_under text,
    ADD COLUMN left_reading bigint,
    ADD COLUMN left_doubt text;
ALTER TABLE runs ADD COLUMN reading bigint;
