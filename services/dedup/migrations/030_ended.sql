-- Whether readers were told that a document which repeats another was kept once: it comes back as known after that.
ALTER TABLE documents ADD COLUMN ended boolean NOT NULL DEFAULT false;
UPDATE documents SET ended = true WHERE kind = 'semantic' AND NOT stands;
-- When a document that stands was last published again as it was: what ended until then ends it no more.
ALTER TABLE documents ADD COLUMN again_at timestamptz;
