"""Output of ``seje-ray data check``: tables for the terminal."""

from collections.abc import Iterable, Sequence

from seje_ray.audit import Audit
from seje_ray.audit.findings import Distribution, Duplicates, Match
from seje_ray.console.tables import text_table
from seje_ray.plain_text import printable

BARS = "▁▂▃▄▅▆▇█"
PARTITION_ROWS = {
    "recipes": "usable recipes",
    "recipes_naming_photos": "  that name a photo",
    "recipes_with_photos": "  with a photo that is there",
    "photos_named": "photos named",
    "photos_taken": "  taken",
    "photos_found": "  taken and there",
}
ON_TOP = (
    "on top of it, and not estimated since no network runs here: fitting word vectors, sentence "
    "encoder and categorizer, and computing their features"
)


def as_text(audit: Audit, width: int | None = None) -> str:
    """Output of ``seje-ray data check``, on a terminal of ``width`` columns or in a file."""
    blocks = [
        [
            printable(audit.source),
            f"{audit.records:,} records read, {audit.usable:,} usable",
            printable(": ".join(filter(None, (verdict(audit), audit.blocked)))),
        ],
        ["read as", *(f"  {printable(line)}" for line in audit.said)] if audit.said else [],
        ["missing", *(f"  {p.name}: {p.cost}" for p in audit.pieces)] if audit.pieces else [],
        _partition_lines(audit, width),
        ["later", *(f"  {line}" for line in audit.later)] if audit.later else [],
        _rejected_lines(audit, width),
        _photo_lines(audit),
        _duplicate_lines("the same recipe twice", "recipe", audit.duplicate_recipes),
        _duplicate_lines("the same photo twice", "photo", audit.duplicate_photos),
        _length_lines(audit, width),
        ["a calibration will take", *(f"  {line}" for line in cost_lines(audit))],
        [verdict(audit)],
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block)


def partition_rows(audit: Audit) -> list[tuple[str, list[str]]]:
    """(name, numbers of each partition and of all)."""
    rows = []
    for field, name in PARTITION_ROWS.items():
        numbers = [getattr(counts, field) for counts in audit.partitions]
        rows.append((name, [f"{number:,}" for number in [*numbers, sum(numbers)]]))
    return rows


def _partition_lines(audit: Audit, width: int | None) -> list[str]:
    header = ["", *(counts.partition for counts in audit.partitions), "all"]
    rows = [[name, *numbers] for name, numbers in partition_rows(audit)]
    table = text_table(header, rows, width=width)
    return [table, f"taken are the first {audit.max_images} of each recipe"]


def _rejected_lines(audit: Audit, width: int | None) -> list[str]:
    if not audit.rejected:
        return ["rejected: nothing"]
    rows = []
    for found in audit.rejected:
        example = " ".join(part for part in (found.id, found.detail) if part)
        advice = f"{found.advice}\ne.g. {shortened(example, 160)}"
        rows.append([found.reason, f"{found.number:,}", advice])
    lines = ["rejected", text_table(None, rows, left=(0, 2), indent=2, width=width)]
    if audit.reading.read < audit.reading.available:
        lines.append(
            f"  photos that cannot be used are counted among the {audit.reading.read:,} read"
        )
    return lines


def _photo_lines(audit: Audit) -> list[str]:
    return [f"photos: {reading_text(audit)}"]


def reading_text(audit: Audit) -> str:
    """Photos that were read, and how many of them can be used."""
    reading = audit.reading
    if not reading.read:
        return "none was read"
    text = f"{reading.read:,} of {reading.available:,} read, {reading.usable:,} of them usable"
    if reading.read < reading.available:
        text += " (drawn evenly; copies are sought among these only; --photos all reads all)"
    return text


def _duplicate_lines(title: str, unit: str, measures: Sequence[Duplicates]) -> list[str]:
    lines = [title]
    for measure in measures:
        lines.append(f"  {measure.measure}, {_num(measure.compared, unit)} compared")
        rows = overlap_rows(measure, unit)
        lines.extend(f"    {text}" for text in rows or ["none"])
        lines.extend(f"    e.g. {match_text(match)}" for match in _few(measure.matches))
    return lines


def overlap_rows(measure: Duplicates, unit: str) -> list[str]:
    """Findings in words, across partitions first."""
    rows = []
    for found in measure.overlaps:
        if not found.pairs:
            continue
        if found.first == found.second:
            rows.append(f"within {found.first}: {_num(found.pairs, 'pair')} of different recipes")
        else:
            rows.append(
                f"LEAK {found.first} - {found.second}: {_num(found.pairs, 'pair')}; "
                f"{_num(found.concerned or 0, unit)} of {found.second} also in {found.first}"
            )
    if measure.same_recipe:
        rows.append(f"within one recipe: {_num(measure.same_recipe, 'pair')}")
    return rows


def _few(matches: Iterable[Match]) -> list[Match]:
    """One example of each pair of partitions."""
    shown: dict[tuple[str, str], Match] = {}
    for match in matches:
        shown.setdefault((match.first.partition, match.second.partition), match)
    return list(shown.values())


def match_text(match: Match) -> str:
    """Both sides of a pair."""
    sides = (
        f"{side.recipe_id} {shortened(side.title, 40)!r} ({side.partition})"
        for side in (match.first, match.second)
    )
    apart = f", {match.distance} bits apart" if match.distance else ""
    return " and ".join(sides) + apart


def _length_lines(audit: Audit, width: int | None) -> list[str]:
    rows = [
        [
            f"  {found.name}",
            f"{found.minimum:,}",
            f"{found.median:,.1f}",
            f"{found.p90:,}",
            f"{found.maximum:,}",
            _bars(found),
        ]
        for found in audit.lengths
    ]
    header = ["lengths", "min", "median", "p90", "max", ""]
    return [text_table(header, rows, left=(0, 5), width=width), entity_text(audit)]


def entity_text(audit: Audit) -> str:
    """The share of ingredient lines that a detector understood."""
    text = "ingredient detector: "
    if audit.entity_lines:
        share = 100 * audit.valid_entity_lines / audit.entity_lines
        text += f"{share:.1f} % of {audit.entity_lines:,} lines valid; "
    return text + f"{_num(audit.recipes_without_entities, 'recipe')} without entities"


def _bars(found: Distribution) -> str:
    top = max(number for _, _, number in found.bins)
    last = len(BARS) - 1
    return "".join(BARS[-(-number * last // top)] if number else " " for _, _, number in found.bins)


def cost_lines(audit: Audit) -> list[str]:
    """Disk and time, with what they were measured by."""
    cost, reading = audit.cost, audit.reading
    lines = [
        f"disk: {_size(cost.recipes_bytes)} for recipes/, {_size(cost.calibrated_bytes)} for "
        "calibrated/ (model.freeze_backbone adds 4 bytes x the backbone's dimensions per photo)",
        f"  {cost.photos:,} photos of {reading.mean_jpeg_bytes:,.0f} bytes, the shorter side at "
        f"most {audit.shorter_side} pixels; the rest is text and vectors",
        f"reading texts: {_duration(cost.reading_seconds)}, at {cost.reading_rate:,.0f} records/s",
    ]
    if cost.photo_rate is not None and cost.photo_seconds is not None:
        lines.append(
            f"reading photos: {_duration(cost.photo_seconds)} at the {cost.photo_rate:,.0f} "
            f"photos/s measured here with {reading.num_threads} threads on "
            f"{reading.read:,} photos"
        )
    return [*lines, ON_TOP]


def verdict(audit: Audit) -> str:
    """The last line."""
    if audit.blocked is not None:
        return "calibrate would refuse this data set"
    refused = [line for line in audit.later if "would refuse" in line]
    later = f", but later {refused[0]}" if refused else ""
    leaks = sum(found.across for found in (*audit.duplicate_recipes, *audit.duplicate_photos))
    if leaks:
        later += "; partitions share recipes or photos (LEAK)"
    return "nothing stands against a calibration" + later


def _num(number: int, unit: str) -> str:
    return f"{number:,} {unit}" if number == 1 else f"{number:,} {unit}s"


def _size(number: int) -> str:
    value = float(number)
    for unit in ("bytes", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def shortened(text: str, length: int) -> str:
    """At most ``length`` characters."""
    return text if len(text) <= length else text[: length - 1] + "…"
