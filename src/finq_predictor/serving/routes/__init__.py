"""The routes of the API, one file for each group, and all of them in the order of the document."""

from finq_predictor.serving.operation import Operation
from finq_predictor.serving.routes import explaining, listing, pages, predicting, standing

OPERATIONS: tuple[Operation, ...] = (
    *predicting.OPERATIONS,
    *explaining.OPERATIONS,
    *listing.OPERATIONS,
    *standing.OPERATIONS,
    *pages.OPERATIONS,
)
