"""The one way to talk to the world: time-outs, retries, limits, a breaker, keys, and a note of each call."""

from finq_predictor.adapters.http.calls import Call, CallLog, Outcome, Record
from finq_predictor.adapters.http.client import HttpClient
from finq_predictor.adapters.http.credentials import Key, Secret, refuse_keys, secret_of
from finq_predictor.adapters.http.faults import PassingError
from finq_predictor.adapters.http.guard import Guard, Reply
from finq_predictor.adapters.http.hosts import Hosts
from finq_predictor.adapters.http.policy import Policy, Time
from finq_predictor.adapters.http.redaction import Redactor

__all__ = [
    "Call",
    "CallLog",
    "Guard",
    "Hosts",
    "HttpClient",
    "Key",
    "Outcome",
    "PassingError",
    "Policy",
    "Record",
    "Redactor",
    "Reply",
    "Secret",
    "Time",
    "refuse_keys",
    "secret_of",
]
