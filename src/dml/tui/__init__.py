"""The dashboard: one screen an operator leaves open all day. A shell over the rooms below; nothing imports it."""
