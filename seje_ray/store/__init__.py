"""Object stores: a workspace at a URI, and its mirror on each machine that works on it."""
