"""The only package that imports Ray: thin adapters around the pure code below."""
