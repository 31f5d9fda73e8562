"""The prediction API."""

from __future__ import annotations

from finq_predictor.switches import set_switches

# Before BentoML, which the services below import, reads them.
set_switches()
