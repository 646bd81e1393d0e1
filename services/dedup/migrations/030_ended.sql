-- Whether readers were told that a document which repeats another was kept once: it comes back as known after that.
ALTER TABLE documents ADD COLUMN ended boolean NOT NULL DEFAULT false;
UPDATE documents SET ended = true WHERE kind = 'semantic' AND NOT stands;
