"""What several processes that compute one thing share: collectives, statistics, random draws."""
