CREATE INDEX predictions_unit ON predictions (workspace, unit) WHERE unit IS NOT NULL;
CREATE INDEX feedback_actor ON feedback (workspace, actor) WHERE actor IS NOT NULL;
