"""Executions: configuration, status, creation, staging, commit and recovery."""
