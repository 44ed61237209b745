"""Recipe-photo joint embedding (SEJE) on Ray: calibrate, train, tune, evaluate, search."""

__version__ = "0.1.0"
