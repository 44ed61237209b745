"""What is run: run files in ``runs/``, and drivers that call the CLI command of their name.

With a cluster: ``python -m jobs.train --address http://HEAD:8265 --workspace /shared/seje``.
"""
