-- How far a rebuilding of the index has come, and how many rows it mended.
ALTER TABLE corpora ADD COLUMN reindexed_to bigint NOT NULL DEFAULT 0, ADD COLUMN mended bigint NOT NULL DEFAULT 0;
