"""The object store of an embedded catalog, on Hatrac's wire."""
