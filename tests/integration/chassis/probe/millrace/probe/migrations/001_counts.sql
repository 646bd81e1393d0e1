CREATE TABLE counts (workspace text PRIMARY KEY, n bigint NOT NULL);
CREATE TABLE seen (document_id text PRIMARY KEY, n bigint NOT NULL);
