"""The report of the evaluation: pictures, sections and the page."""
