-- What a table was like when it was read under a declaration though not all of it could be taken, and by which run.
ALTER TABLE places ADD COLUMN tried text, ADD COLUMN tried_under text, ADD COLUMN tried_in bigint;
