"""The same intake over HTTP."""
