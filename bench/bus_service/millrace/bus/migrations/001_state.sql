CREATE TABLE state (document_id text PRIMARY KEY, label text, length int NOT NULL);
