"""The routes of the API, one file for each group, and all of them in the order of the document."""

from finq_predictor.serving.operation import Operation
from finq_predictor.serving.routes import (
    explaining,
    feature_values,
    feedback,
    instrument_page,
    issuer_login,
    listing,
    login,
    looking_back,
    pages,
    predicting,
    signing_in,
    standing,
    standing_pages,
    trying,
)

OPERATIONS: tuple[Operation, ...] = (
    *predicting.OPERATIONS,
    *explaining.OPERATIONS,
    *feedback.OPERATIONS,
    *looking_back.OPERATIONS,
    *trying.OPERATIONS,
    *listing.OPERATIONS,
    *feature_values.OPERATIONS,
    *standing.OPERATIONS,
    *signing_in.OPERATIONS,
    *pages.OPERATIONS,
    *instrument_page.OPERATIONS,
    *standing_pages.OPERATIONS,
    *login.OPERATIONS,
    *issuer_login.OPERATIONS,
)
