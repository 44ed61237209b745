"""``seje-ray baseline``."""

from typing import TYPE_CHECKING

import click

from seje_ray.cli.options import gallery_sizes_option, run_options, workspace_option

if TYPE_CHECKING:
    from seje_ray.workspace import Workspace

NAMES = ("ridge", "cca", "tfidf-knn", "zero-shot")


@click.command("baseline", epilog="Example: seje-ray baseline ridge cca tfidf-knn")
@click.argument("names", metavar="NAME...", nargs=-1, required=True, type=click.Choice(NAMES))
@click.option(
    "--partition",
    type=click.Choice(["val", "test"]),
    default="test",
    show_default=True,
    help="Recipes to measure on.",
)
@gallery_sizes_option
@workspace_option
@run_options
@click.option("--json", "as_json", is_flag=True, help="Print a report.json per line.")
def command(
    names: tuple[str, ...],
    partition: str,
    gallery_sizes: tuple[int, ...],
    workspace: "Workspace",
    config: str | None,
    overrides: tuple[str, ...],
    as_json: bool,
) -> None:
    """Measure what a trained model has to beat: ridge, cca, tfidf-knn or zero-shot.

    Fitted in a minute on the train pairs' image features and TF-IDF, settings chosen on val; the
    same protocol, controls and report as `seje-ray evaluate`, whose later reports show them, too.
    ridge: regression from photo to text. cca: what correlates most in both. tfidf-knn: the texts of
    the photos that look most like it. zero-shot: a published dual encoder as it came.
    """
    import json
    from functools import partial

    from seje_ray.baselines.kinds import BASELINES
    from seje_ray.cli.run_files import read_run
    from seje_ray.console.tables import show
    from seje_ray.pipeline.baseline import measure_baselines
    from seje_ray.report.evaluation import as_text
    from seje_ray.store.location import shown

    workspace.open_calibrated()  # before the run file of a workspace that is not there
    run = read_run(config, overrides, workspace)
    for measured in measure_baselines(
        [name for name in BASELINES if name in names],
        run,
        workspace,
        partition=partition,
        gallery_sizes=gallery_sizes,
        max_pairs=run.train.max_pairs,
    ):
        if as_json:
            report = json.loads((measured.folder / "report.json").read_text(encoding="utf-8"))
            click.echo(json.dumps(report, ensure_ascii=False))
            continue
        chosen = ", ".join(f"{key} {value:g}" for key, value in measured.settings.items())
        click.echo(f"{measured.name}, {partition} partition; chosen on val: {chosen}")
        show(partial(as_text, measured.galleries))
        click.echo(shown(f"report: {measured.folder / 'report.html'}"))
