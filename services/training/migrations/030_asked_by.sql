-- The person who asked for a cycle by hand, so that another can approve what comes of it.
ALTER TABLE cycles ADD asked_by text;
