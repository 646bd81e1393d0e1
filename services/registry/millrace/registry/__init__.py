"""registry alone moves stages and routes: workspaces, versions, lineage, a ledger."""
