"""Uploads: bringing staged files and feature rows to the catalog."""
