"""Which documents are new: exact and near duplicates against a durable index."""
