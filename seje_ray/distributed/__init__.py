"""Several processes that compute one thing: collectives, statistics, random draws."""
