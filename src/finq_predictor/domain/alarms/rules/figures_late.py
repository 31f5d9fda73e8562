"""Nobody gathers the figures of files."""

from __future__ import annotations

from datetime import timedelta

from finq_predictor.domain.alarms.expressions import Age, Latest, Smallest
from finq_predictor.domain.alarms.rule import Audience, Example, Rule, Sense, Severity
from finq_predictor.domain.metrics.surroundings import TEXT_FILE_WRITTEN

# What was gathered last stays as it is when nobody gathers any more: the disk may fill, and nothing in it would ring.
RULE = Rule(
    name="figures-late",
    title="Figures of files are old",
    severity=Severity.WARNING,
    audience=Audience.TEAM,
    measure=Age(Smallest(Latest(TEXT_FILE_WRITTEN, {"file": ".*finq_surroundings.*"}), by=("file",))),
    sense=Sense.ABOVE,
    limit=600.0,
    unit="seconds",
    hold=timedelta(minutes=2),
    cool_down=timedelta(hours=4),
    runbook="figures-stopped",
    summary="The figures of jobs, disks and models in {file} were last gathered long ago.",
    description="Look whether whoever runs `finq alarms measure` does; until then nothing rings that lies in files.",
    rings=(
        Example(
            {'node_textfile_mtime_seconds{file="/figures/finq_surroundings.prom"}': "0x20"},
            timedelta(minutes=15),
            ({"file": "/figures/finq_surroundings.prom"},),
        ),
    ),
    silent=(
        Example(
            {
                'node_textfile_mtime_seconds{file="/figures/finq_surroundings.prom"}': "0+60x20",
                'node_textfile_mtime_seconds{file="/figures/another.prom"}': "0x20",
            },
            timedelta(minutes=15),
        ),
    ),
)
