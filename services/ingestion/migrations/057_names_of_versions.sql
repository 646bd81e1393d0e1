-- What people call the versions of data that an owner redacted.
ALTER TABLE confirmations ADD COLUMN dataset_names text[] NOT NULL DEFAULT '{}';
