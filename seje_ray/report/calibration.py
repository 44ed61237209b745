"""The page of one calibration: what phase I made of a data set."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from seje_ray import __version__
from seje_ray.artifact import Artifact, write_text
from seje_ray.calibration.calibrator import FittedText
from seje_ray.calibration.categories import BACKGROUND
from seje_ray.calibration.categorizer_accuracy import Confusion
from seje_ray.calibration.corpus import TEXT_COLUMNS, recipe_text
from seje_ray.calibration.entities import EntityLexicon, Reexaminer
from seje_ray.calibration.sentence_encoder.next_sentence import (
    NUM_CANDIDATES,
    next_sentence_accuracy,
)
from seje_ray.calibration.word_vectors import WordVectors
from seje_ray.config import RunConfig, run_to_dict
from seje_ray.features.texts import term_tagger_of
from seje_ray.recipe1m.text import tokenize
from seje_ray.report.cards import Card, drawn_rows
from seje_ray.report.category_report import CategoryColumns, category_report
from seje_ray.report.confusion import confusion_picture
from seje_ray.report.page import photo_uri, render
from seje_ray.report.plots import category_terms, fitting_curves
from seje_ray.report.sentence_report import given_sentence_facts
from seje_ray.report.term_tally import TermTally
from seje_ray.workspace import component_folder

NUM_CATEGORIES, NUM_TERMS = 12, 8  # that are drawn
NUM_ENTITIES, NUM_NEAREST = 12, 5
NUM_LINES, NUM_PHOTOS, NUM_REJECTS = 10, 10, 3  # examples
NUM_READ_FOR_LINES = 400  # recipes looked through for examples of lines
NUM_READ_FOR_SENTENCES = 600  # recipes of each partition
SENTENCE_COLUMNS = ("instructions", "sentence_vectors")


@dataclass(frozen=True, slots=True)
class CalibrationArtifacts:
    """Contents of the page."""

    recipes: Artifact
    calibrator: Artifact
    calibrated: Artifact


def write_calibration_report(folder: Path, run: RunConfig, artifacts: CalibrationArtifacts) -> Path:
    """Write ``report.html`` into ``folder``; give its path."""
    calibrator, calibrated = artifacts.calibrator, artifacts.calibrated
    facts = calibrated.manifest.facts
    names = facts["category_names"]
    text = FittedText.load(component_folder(calibrator.folder, "text"))
    words = WordVectors.load(component_folder(calibrator.folder, "word_vectors"))
    tally = TermTally.of(calibrated)
    largest = [c for c, _ in tally.sizes.most_common() if c != 0][:NUM_CATEGORIES]
    rescued, unknown = _line_examples(artifacts, run, text)
    folder.mkdir(parents=True, exist_ok=True)
    page = render(
        "calibration.html",
        {
            "title": f"seje_ray: calibration, {run.name}",
            "subtitle": f"seje_ray {__version__}; calibrated data {calibrated.content_hash[:12]}, "
            f"vocabulary {facts['vocabulary_hash'][:12]}",
            "made_up": bool(artifacts.recipes.manifest.facts.get("is_made_up", False)),
            "partitions": _partitions(artifacts),
            "rejected": _rejects(artifacts.recipes),
            "categories": category_report(_category_columns(calibrated), names, seed=run.seed),
            "sources": _sources(tally),
            "terms": category_terms({names[c]: tally.distinctive(c, NUM_TERMS) for c in largest}),
            "lines": _line_facts(facts["counts"]),
            "rescued": rescued,
            "unknown": unknown,
            "num_words": len(words),
            "nearest": nearest_words(words, text.lexicon.frequencies),
            "given_sentences": _given_sentences(artifacts),
            "next_sentence": _next_sentence(calibrated, words, run.seed),
            "curves": fitting_curves(_histories(calibrator.folder)),
            "confusion": _confusion(calibrator.folder, facts["image_category_names"]),
            "photos": _photos(calibrated, names, run.seed),
            "run": yaml.safe_dump(run_to_dict(run), sort_keys=False),
        },
    )
    write_text(folder / "report.html", page)
    return folder / "report.html"


def nearest_words(
    words: WordVectors, frequencies: Mapping[str, int]
) -> list[tuple[str, list[str]]]:
    """The most frequent entities that have a vector, and the words nearest to each by cosine."""
    known = {word: row for row, word in enumerate(words.words)}
    frequent = sorted(frequencies, key=lambda entity: (-frequencies[entity], entity))
    shown = [entity for entity in frequent if entity in known][:NUM_ENTITIES]
    lengths = np.linalg.norm(words.matrix, axis=1, keepdims=True)
    unit = words.matrix / np.maximum(lengths, 1e-12)
    nearest = []
    for entity in shown:
        order = np.argsort(-(unit @ unit[known[entity]]), kind="stable")
        others = [words.words[row] for row in order[: NUM_NEAREST + 1]]
        nearest.append((entity, [word for word in others if word != entity][:NUM_NEAREST]))
    return nearest


def _partitions(artifacts: CalibrationArtifacts) -> list[dict[str, Any]]:
    pairs = artifacts.calibrated.manifest.rows
    return [
        {"name": name, "recipes": f"{number:,}", "pairs": f"{pairs.get(name, 0):,}"}
        for name, number in artifacts.recipes.manifest.rows.items()
    ]


def _rejects(recipes: Artifact) -> list[dict[str, Any]]:
    """Reasons, how often each, and the first few."""
    table = pq.read_table(recipes.folder / "rejects.parquet")
    examples: dict[str, list[str]] = defaultdict(list)
    for row in table.to_pylist():
        if len(examples[row["reason"]]) < NUM_REJECTS:
            examples[row["reason"]].append(f"{row['id']}: {row['detail']}"[:160])
    counts = recipes.manifest.rejected
    return [
        {"reason": reason, "number": f"{counts.get(reason, 0):,}", "examples": shown}
        for reason, shown in sorted(examples.items())
    ]


def _sources(tally: TermTally) -> list[tuple[str, str, str]]:
    total = sum(tally.sources.values())
    return [(s, f"{n:,}", _percent(n, total)) for s, n in tally.sources.most_common()]


def _line_facts(counts: Mapping[str, int]) -> str:
    lines = counts.get("lines", 0)
    return (
        f"Of {lines:,} ingredient lines, re-examination rescued "
        f"{_percent(counts.get('rescued_lines', 0), lines)} and "
        f"{_percent(counts.get('unknown_lines', 0), lines)} stay without an entity. "
        f"{_percent(counts.get('missing_terms', 0), counts.get('key_terms', 0))} of "
        f"{counts.get('key_terms', 0):,} key terms have no word vector."
    )


def _line_examples(
    artifacts: CalibrationArtifacts, run: RunConfig, text: FittedText
) -> tuple[list[tuple[str, str]], list[str]]:
    """Train lines that only re-examination understood, with their entity; and unknown ones."""
    rescued: list[tuple[str, str]] = []
    unknown: list[str] = []
    rows = _first_rows(artifacts.recipes, NUM_READ_FOR_LINES, "train", TEXT_COLUMNS)
    recipes = [recipe_text(row) for row in rows]
    config, folder = run.calibrate, artifacts.calibrator.folder
    tagged = term_tagger_of(config, folder, text.reexaminer).tag_all(recipes)
    unaided = term_tagger_of(config, folder, Reexaminer(EntityLexicon({}))).tag_all(recipes)
    for recipe, known, alone in zip(recipes, tagged, unaided, strict=True):
        for line, entity, own in zip(
            recipe.ingredients, known.entities, alone.entities, strict=False
        ):
            if entity is None:
                unknown.append(line)
            elif own is None:
                rescued.append((line, entity))
    return rescued[:NUM_LINES], unknown[:NUM_LINES]


def _first_rows(
    artifact: Artifact, num: int, partition: str, columns: Sequence[str]
) -> Iterable[dict[str, Any]]:
    for path in artifact.shards(partition):
        for row in pq.read_table(path, columns=list(columns)).to_pylist():
            if num == 0:
                return
            num -= 1
            yield row


def _given_sentences(artifacts: CalibrationArtifacts) -> str:
    given = artifacts.calibrator.manifest.facts.get("given_sentences")
    counts = artifacts.calibrated.manifest.facts["counts"]
    return "" if given is None else given_sentence_facts(given, counts)


def _next_sentence(calibrated: Artifact, words: WordVectors, seed: int) -> list[tuple[str, str]]:
    """Next-sentence accuracy on val of the stored vectors, of mean word vectors, and of chance."""
    stored: dict[str, list[np.ndarray]] = {}
    means: dict[str, list[np.ndarray]] = {}
    for partition in ("train", "val"):
        rows = list(_first_rows(calibrated, NUM_READ_FOR_SENTENCES, partition, SENTENCE_COLUMNS))
        vectors = [np.array(row["sentence_vectors"], np.float32) for row in rows]
        stored[partition] = [v for v in vectors if len(v)]
        means[partition] = [
            np.array([words.mean(tokenize(step)) for step in row["instructions"][: len(v)]])
            for row, v in zip(rows, vectors, strict=True)
            if len(v)
        ]
    lines = {
        "sentence encoder": next_sentence_accuracy(stored["train"], stored["val"], seed=seed),
        "mean word vectors": next_sentence_accuracy(means["train"], means["val"], seed=seed),
        "chance": 1 / NUM_CANDIDATES,
    }
    return [
        (name, "too few sentences" if np.isnan(share) else f"{100 * share:.1f} %")
        for name, share in lines.items()
    ]


def _category_columns(calibrated: Artifact) -> dict[str, CategoryColumns]:
    columns = ["id", "title", "category_id", "category_source"]
    found = {}
    for partition in calibrated.manifest.rows:
        shards = [pq.read_table(path, columns=columns) for path in calibrated.shards(partition)]
        table = pa.concat_tables(shards)
        ids, titles, category_ids, sources = (table[name].to_pylist() for name in columns)
        found[partition] = CategoryColumns(ids, titles, np.array(category_ids), sources)
    return found


def _confusion(calibrator: Path, names: Sequence[str]) -> str:
    return confusion_picture(
        Confusion.load(component_folder(calibrator, "image_categorizer")), names
    )


def _histories(calibrator: Path) -> dict[str, list[dict[str, float]]]:
    """Reports of fitting the networks, epoch by epoch."""
    files = {
        "sentence encoder": component_folder(calibrator, "sentence_encoder")
        / "skip_instructions.json",
        "line tagger": component_folder(calibrator, "line_tagger") / "line_tagger.json",
        "image categorizer": component_folder(calibrator, "image_categorizer")
        / "image_categorizer.json",
    }
    stored = {name: path for name, path in files.items() if path.is_file()}
    return {
        name: json.loads(path.read_text(encoding="utf-8"))["history"]
        for name, path in stored.items()
    }


def _photos(calibrated: Artifact, names: Sequence[str], seed: int) -> list[Card]:
    """Photos drawn from val, with the category of their title and the one that is seen in them."""
    classes = calibrated.manifest.facts["image_category_names"]
    paths = calibrated.shards("val") or calibrated.shards("train")
    rows = pq.read_table(paths[0], columns=["title", "images", "category_id", "image_category_ids"])
    cards = []
    for number in drawn_rows(rows.num_rows, NUM_PHOTOS, seed):
        row = rows.slice(number, 1).to_pylist()[0]
        title, seen = names[row["category_id"]], classes[row["image_category_ids"][0]]
        cards.append(
            Card(
                row["title"],
                photo_uri(row["images"][0]["jpeg"]),
                (f"recipe: {title}", f"photo: {seen}"),
                is_match=title == seen != BACKGROUND,
            )
        )
    return cards


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / max(1, whole):.1f} %"
