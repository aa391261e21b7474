"""The only room that speaks to a server: ERMrest and Hatrac over HTTP, on deriva's own bindings."""
