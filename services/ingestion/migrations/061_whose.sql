-- Whose a document of a source is, by pseudonym, and since when its newest revision is known. `forgotten`: its person
-- asked to be, and it is not taken in again as long as it names them.
ALTER TABLE found
    ADD COLUMN subject text,
    ADD COLUMN known_at timestamptz,
    ADD COLUMN forgotten boolean NOT NULL DEFAULT false;
CREATE INDEX found_subject ON found (workspace, subject, source, document) WHERE subject IS NOT NULL;
