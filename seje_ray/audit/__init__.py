"""A read-only audit of a data set: what is usable, what leaks, what a calibration will take."""

from seje_ray.audit.check import audit
from seje_ray.audit.findings import Audit

__all__ = ["Audit", "audit"]
