ALTER TABLE versions ADD asked_by text, ADD hold jsonb, ADD owed jsonb;
ALTER TABLE workspaces ADD request jsonb;

-- Each workspace's entries are a chain: `hash` is sha256 over `previous`, a newline and `body`, byte for byte, and the
-- body says its number, so that an entry that was changed, left out or slipped in later is found. What is asked for often
-- is read off the body.
ALTER TABLE ledger RENAME TO ledger_unchained;
DROP INDEX ledger_newest, ledger_causes;
CREATE TABLE ledger (
    workspace text NOT NULL, number int NOT NULL, previous text NOT NULL, hash text NOT NULL, body json NOT NULL,
    kind text NOT NULL GENERATED ALWAYS AS (body ->> 'kind') STORED,
    version text GENERATED ALWAYS AS (body ->> 'version') STORED,
    stage text GENERATED ALWAYS AS (body ->> 'stage') STORED,
    cause_id uuid GENERATED ALWAYS AS ((body ->> 'cause')::uuid) STORED,
    PRIMARY KEY (workspace, number)
);
CREATE INDEX ledger_versions ON ledger (workspace, version, number) WHERE version IS NOT NULL;
CREATE INDEX ledger_causes ON ledger (cause_id);

-- What was written before there was a chain becomes its beginning, and an entry of all that stands makes it whole.
DO $$
DECLARE
    one record; space text; told text; last text; link text; count int;
BEGIN
    FOR space IN SELECT name FROM workspaces ORDER BY name LOOP
        count := 0; last := repeat('0', 64);
        FOR one IN
            SELECT jsonb_strip_nulls(jsonb_build_object(
                'workspace', workspace, 'at', at, 'kind', kind, 'version', version, 'stage', stage, 'reason', reason,
                'by', by, 'revision', revision, 'cause', cause_id, 'cycle', cycle_id))
                || jsonb_build_object('detail', detail) AS body
            FROM (SELECT * FROM ledger_unchained WHERE workspace = space ORDER BY seq) AS before
            UNION ALL
            SELECT jsonb_build_object(
                'workspace', space, 'at', now(), 'kind', 'carried over', 'reason', 'what stood before the ledger was a chain',
                'by', 'migration', 'revision', (w.route ->> 'revision')::int, 'cause', gen_random_uuid(), 'detail', '{}'::jsonb,
                'changes', jsonb_build_object(
                    'workspace', to_jsonb(w),
                    'revisions', (SELECT jsonb_agg(to_jsonb(r) ORDER BY revision) FROM revisions r WHERE r.workspace = space),
                    'versions', coalesce((SELECT jsonb_object_agg(id, to_jsonb(v)) FROM versions v WHERE v.workspace = space), '{}')))
            FROM workspaces w WHERE w.name = space
        LOOP
            count := count + 1; told := (one.body || jsonb_build_object('number', count))::text;
            link := encode(sha256(convert_to(last || E'\n' || told, 'UTF8')), 'hex');
            INSERT INTO ledger (workspace, number, previous, hash, body) VALUES (space, count, last, link, told::json);
            INSERT INTO outbox (topic, key, headers, body) VALUES (
                'ledger.appended.v1', space,
                jsonb_build_object('ce_specversion', '1.0', 'ce_id', gen_random_uuid(), 'ce_source', 'registry',
                    'ce_type', 'ledger.appended.v1', 'ce_time', now(), 'content-type', 'application/json')::text,
                convert_to(jsonb_build_object('workspace', space, 'number', count, 'previous', last, 'hash', link,
                    'kind', one.body ->> 'kind', 'entry', told)::text, 'UTF8'));
            last := link;
        END LOOP;
    END LOOP;
END $$;
DROP TABLE ledger_unchained;

-- Versions that were registered before there were signatures get theirs.
INSERT INTO jobs (id, kind, key, workspace, payload, run_at, cause_id, occurred_at)
SELECT gen_random_uuid(), 'sign', name, name, '{}', now(), gen_random_uuid(), now() FROM workspaces;
