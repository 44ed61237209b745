"""The API of a trained model over an index, a plain ASGI app; ``on_ray/serve.py`` runs it."""
