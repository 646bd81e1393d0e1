-- Where a run goes on from: a prefix in S3 that its holder wrote, and the step that it is of.
ALTER TABLE runs ADD COLUMN checkpoint text, ADD COLUMN checkpoint_step int;
