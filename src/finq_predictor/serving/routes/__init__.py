"""The routes of the API, one file for each group, and all of them in the order of the document."""

from finq_predictor.serving.operation import Operation
from finq_predictor.serving.routes import (
    explaining,
    feedback,
    issuer_login,
    listing,
    login,
    looking_back,
    pages,
    predicting,
    signing_in,
    standing,
    trying,
)

OPERATIONS: tuple[Operation, ...] = (
    *predicting.OPERATIONS,
    *explaining.OPERATIONS,
    *feedback.OPERATIONS,
    *looking_back.OPERATIONS,
    *trying.OPERATIONS,
    *listing.OPERATIONS,
    *standing.OPERATIONS,
    *signing_in.OPERATIONS,
    *pages.OPERATIONS,
    *login.OPERATIONS,
    *issuer_login.OPERATIONS,
)
