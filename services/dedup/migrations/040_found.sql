-- What repeats another is listed by when that was found; what means the same is found later than it came.
DROP INDEX documents_found;
CREATE INDEX documents_found ON documents (shelf, kept_at, seq) WHERE duplicate_of IS NOT NULL;
