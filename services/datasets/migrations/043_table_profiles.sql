-- Each table of features has a profile: its blobs are this name with .html and .json. Null where none could be made.
ALTER TABLE feature_tables ADD profile text;
