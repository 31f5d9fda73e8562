"""The routes of the API, one file for each group, and all of them in the order of the document."""

from finq_predictor.serving.operation import Operation
from finq_predictor.serving.routes import feedback, listing, looking_back, pages, predicting, standing

OPERATIONS: tuple[Operation, ...] = (
    *predicting.OPERATIONS,
    *feedback.OPERATIONS,
    *looking_back.OPERATIONS,
    *listing.OPERATIONS,
    *standing.OPERATIONS,
    *pages.OPERATIONS,
)
