"""A DERIVA catalog without a server: ERMrest and Hatrac on the wire, in process or on loopback."""
