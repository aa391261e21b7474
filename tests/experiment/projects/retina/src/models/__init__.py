"""Models of the retina project."""
