-- Who is forgotten is remembered by the chassis; tombstones are of documents alone.
INSERT INTO erased (erasure, workspace, subject, known_at)
    SELECT 'tombstone/' || workspace || '/' || id, workspace, id, known_at FROM tombstones WHERE kind = 'subject'
    ON CONFLICT DO NOTHING;
DELETE FROM tombstones WHERE kind = 'subject';
ALTER TABLE tombstones DROP CONSTRAINT tombstones_pkey, DROP COLUMN kind, ADD PRIMARY KEY (workspace, id);
