"""Features: values that executions give to rows of a catalog; reading, writing and staging them."""
