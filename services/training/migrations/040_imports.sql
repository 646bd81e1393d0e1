-- A model that was made elsewhere and comes in by this cycle: the digest of its files, where it comes from, its licence.
ALTER TABLE cycles ADD imported jsonb;
