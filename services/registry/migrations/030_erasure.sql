-- erasures that reached the rows a version had learned from
ALTER TABLE versions ADD COLUMN erasures text[] NOT NULL DEFAULT '{}';
CREATE INDEX versions_dataset ON versions (workspace, dataset);
