"""The packaged run files: each holds only what differs from the defaults."""
