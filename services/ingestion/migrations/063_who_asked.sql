-- What is fetched is looked up here, however long ago its person asked to be forgotten.
CREATE INDEX erasures_of ON erasures (workspace, subject);
