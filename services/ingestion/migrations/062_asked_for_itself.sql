-- Where a page is, so that it can be asked for though nothing leads to it, and the last run that was told it is gone.
ALTER TABLE places ADD COLUMN url text, ADD COLUMN absent bigint NOT NULL DEFAULT 0;
