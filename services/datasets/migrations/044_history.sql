-- Since when the source of an observation says that it knows; null where it says nothing.
ALTER TABLE observations ADD known_since timestamptz;
-- When Millrace first knew something of an entity: no earlier moment was ever answered with anything. Of entities that
-- are here already, when the first of what is still held with theirs was known; 1970 where nobody can tell.
ALTER TABLE entities ADD since timestamptz NOT NULL DEFAULT '1970-01-01T00:00Z';
UPDATE entities e SET since = coalesce(least(
    (SELECT min(known_at) FROM observations o WHERE (o.workspace, o.entity) = (e.workspace, e.entity)),
    (SELECT min(coalesce(p.oldest, '1970-01-01T00:00Z')) FROM part_entities JOIN observation_parts p USING (workspace, part)
     WHERE (workspace, entity) = (e.workspace, e.entity))), since)
WHERE NOT EXISTS (SELECT FROM observed WHERE workspace = e.workspace AND gone_to IS NOT NULL);
ALTER TABLE entities ALTER since DROP DEFAULT;
-- Rows of a table whose moments lie before Millrace knew their entity.
ALTER TABLE feature_tables ADD history bigint;
