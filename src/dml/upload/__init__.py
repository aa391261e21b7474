"""Uploads: staged files and feature rows on their way to the catalog."""
