-- Answers that are numbers have neither macro-F1 nor accuracy.
ALTER TABLE scored ALTER macro_f1 DROP NOT NULL, ALTER accuracy DROP NOT NULL;
