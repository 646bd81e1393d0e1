-- The blob of the report of a version's last judgement: its model card tells of it.
ALTER TABLE versions ADD report text;
