"""A command on a cluster, as far as no Ray is needed: its address, its job, its log."""
