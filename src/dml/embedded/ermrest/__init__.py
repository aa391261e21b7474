"""ERMrest, the relational half of DERIVA, on SQLite; ``service.Ermrest`` is the way in."""
