-- of an edit what was answered in whose place the label is, of a rating how good the label was said to be
ALTER TABLE rows ADD COLUMN rejected text, ADD COLUMN rating float8;
