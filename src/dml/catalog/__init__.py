"""The only package that sends requests to a server: ERMrest and Hatrac over HTTP."""
