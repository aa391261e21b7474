"""The same for catalogs of development."""
