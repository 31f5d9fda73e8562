"""The report of the evaluation: what a portfolio manager asks first, then the evidence."""

from __future__ import annotations

from finq_predictor.adapters.tracking import RunIdentity
from finq_predictor.domain.modelling.bundle import ModelBundle
from finq_predictor.reports.evaluation import head
from finq_predictor.reports.evaluation.results import ALONE, Circumstances, EvaluationResults, ReportMaterial
from finq_predictor.reports.evaluation.sections import SECTIONS
from finq_predictor.reports.figures import Image, Pictures
from finq_predictor.reports.lineage import origin_of, preset_in_words
from finq_predictor.reports.pages import Frame, render_page

ROOM = "evaluation"


def evaluation_page(
    results: EvaluationResults,
    champion: ModelBundle,
    tracked_run: RunIdentity | None,
    plot_images: Pictures,
    circumstances: Circumstances = ALONE,
) -> str:
    """The report of one market.

    Args:
        results: What was found.
        champion: The model in use, after the decision was carried out.
        tracked_run: The run of the model that is decided about; None if it is not tracked.
        plot_images: One of each name in ``reports.evaluation.pictures``.
        circumstances: What is known beside the results.

    Returns:
        One self-contained HTML page. Below every section stand run id, snapshot, data hash, code hash and seed.
    """
    pictures = {picture.name: Image.from_png(picture.png) for picture in plot_images}
    material = ReportMaterial(results, champion, pictures, circumstances)
    source = results.trained.provenance
    origin = _origin(results, tracked_run, circumstances.snapshot)
    frame = Frame(source.simulated, origin, preset_in_words(source.preset))
    return render_page(ROOM, head.build(material), SECTIONS, material, frame)


def _origin(results: EvaluationResults, run: RunIdentity | None, snapshot: str) -> dict[str, str]:
    known = origin_of(results.bundle)
    return {
        "run": f"{run.run_name} ({run.run_id})" if run else "untracked",
        "snapshot": snapshot or "none",
        **known,
        "seed": f"{known['seed']} (training), {results.terms.seed} (resampling)",
    }
