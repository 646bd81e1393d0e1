-- Of observations past `data.retention` that are gone: when the last of them occurred. Windows that reach to before it
-- are not held whole. What was known before `aged_before` had occurred a day later at most.
ALTER TABLE observed ADD gone_to timestamptz;
UPDATE observed SET gone_to = aged_before + interval '24 hours';
ALTER TABLE observed DROP aged_before;

-- When the first and the last of a part's observations occurred; null where nobody has looked.
ALTER TABLE observation_parts ADD earliest timestamptz, ADD latest timestamptz;

-- What an erasure has taken out of observations so far, over all its tries.
ALTER TABLE erasures ADD observations bigint NOT NULL DEFAULT 0;

-- A table may be of a stretch of time, and says what it did not look at. `json` keeps features in the file's order.
ALTER TABLE feature_tables ALTER spec TYPE json, ADD since timestamptz, ADD until timestamptz, ADD unused jsonb;
