"""The command that writes the reference pages."""

from __future__ import annotations

from pathlib import Path

import click


def docs_of(group: click.Group) -> click.Command:
    """Make the command ``docs`` of a group, whose commands have a page of their own.

    Args:
        group: The documented commands; they are looked up when the command runs, so that all of them are there.
    """

    @click.command()
    @click.option("--target", type=click.Path(path_type=Path), default=Path("docs/reference"), show_default=True)
    def docs(target: Path) -> None:
        """Write the reference pages that are generated from the code."""
        from finq_predictor.cli.reference_pages import write_pages

        for page in write_pages(target, group):
            click.echo(f"wrote {page}")

    return docs
