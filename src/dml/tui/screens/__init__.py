"""Screens of the dashboard: each shows a part of the snapshots and offers its actions."""
