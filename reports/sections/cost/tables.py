"""Tables of cost against frames and batch."""

from collections.abc import Sequence

from reports.records.cost import ArmCost, Cell, CostRecord
from reports.render.table import Cell as TableCell
from reports.render.table import Column, Row, Table, marked
from reports.schema.times import BUSY, NOT_SETTLED, REFERENCE, SLOWER, ratio_mark


def every_cell(record: CostRecord) -> Table:
    """All that was measured, a row for each arm, way, number of frames and batch; what was left out says why."""
    columns = (
        Column("label", "Arm"),
        Column("arm", "Name", data_only=True),
        Column("way", "Way"),
        Column("frames", "Frames", "number", 0),
        Column("batch", "Batch", "number", 0),
        Column("gflops", "GFLOPs", "number", 1),
        Column("ms_p50", "p50", "number", 1, unit="ms", marked=True),
        Column("ms_p95", "p95", "number", 1, unit="ms", marked=True),
        Column("ratio", f"p50 over {REFERENCE}'s", "number", 2, marked=True),
        Column("frames_per_s", "Frames/s", "number", 0, marked=True),
        Column("peak_memory_mb", "Memory", "number", 0, unit="MB"),
        Column("roofline", "Roofline", "number", 1, unit="%", marked=True),
        Column("left_out", "Left out because"),
    )
    rows = tuple(Row(_cells(one, cell)) for one in record.arms for cell in one.cells)
    return Table("cost-cells", "Every cell", columns, rows, notes(record))


def _cells(one: ArmCost, cell: Cell) -> tuple[TableCell, ...]:
    return (
        one.label, one.arm, one.way, cell.frames, cell.batch, cell.gflops, _ms(cell),
        marked(cell.ms_p95, cell.mark), _ratio(cell), _rate(cell), cell.peak_memory_mb, _share(cell),
        cell.left_out or None,
    )  # fmt: skip


def _ms(cell: Cell) -> TableCell:
    return marked(cell.ms_p50, cell.mark)


def _ratio(cell: Cell) -> TableCell:
    return marked(cell.ratio, ratio_mark(cell.settled))


def _rate(cell: Cell) -> TableCell:
    return marked(cell.frames_per_s, cell.mark)


def _share(cell: Cell) -> TableCell:
    return marked(None if cell.share is None else 100 * cell.share, cell.mark)


def by_frames(record: CostRecord, batch: int, way: str) -> Table:
    """One row an arm: parameters, then operations and median time at every number of frames."""
    arms = [one for one in record.arms if one.way == way]
    lengths = sorted({cell.frames for one in arms for cell in one.cells if cell.batch == batch})
    columns = [Column("label", "Arm"), Column("clip", "Clip", "number", 0)]
    columns += [Column("params_m", "Params", "number", 2, unit="M")]
    columns += [Column(f"gflops_{t}", str(t), "number", 1, group="GFLOPs, T =") for t in lengths]
    columns += [Column(f"ms_{t}", str(t), "number", 1, group="p50 in ms, T =", marked=True) for t in lengths]
    beside = any(cell.ratio is not None for one in arms for cell in one.cells)
    over = f"p50 over {REFERENCE}'s, T ="
    columns += [Column(f"ratio_{t}", str(t), "number", 2, group=over, marked=True) for t in lengths if beside]
    rows = []
    for one in arms:
        found = {cell.frames: cell for cell in one.cells if cell.batch == batch}
        of = [found.get(t) for t in lengths]
        gflops = [None if cell is None else cell.gflops for cell in of]
        times = [None if cell is None else _ms(cell) for cell in of]
        ratios = [None if cell is None else _ratio(cell) for cell in of if beside]
        rows.append(Row((one.label, one.clip_length, one.params_m, *gflops, *times, *ratios)))
    name = f"cost-by-frames-{way.replace(' ', '-')}"
    caption = f"Cost against the number of frames T, {way}, {_tracklets(batch)}"
    return Table(name, caption, tuple(columns), tuple(rows), notes(record))


def by_batch(record: CostRecord, frames: int, way: str) -> Table:
    """One row an arm: throughput at every number of tracklets, and the share of the roofline at the largest."""
    arms = [one for one in record.arms if one.way == way]
    batches = sorted({cell.batch for one in arms for cell in one.cells if cell.frames == frames})
    columns = [Column("label", "Arm")]
    columns += [Column(f"rate_{b}", str(b), "number", 0, group="Frames/s, batch", marked=True) for b in batches]
    columns += [
        Column(f"share_{b}", str(b), "number", 1, group="% of the roofline, batch", marked=True) for b in batches
    ]
    rows = []
    for one in arms:
        found = {cell.batch: cell for cell in one.cells if cell.frames == frames}
        of = [found.get(b) for b in batches]
        rates = [None if cell is None else _rate(cell) for cell in of]
        shares = [None if cell is None else _share(cell) for cell in of]
        rows.append(Row((one.label, *rates, *shares)))
    name = f"cost-by-batch-{way.replace(' ', '-')}"
    caption = f"Throughput against the batch, {way}, {frames} frames"
    return Table(name, caption, tuple(columns), tuple(rows), notes(record))


def ways(record: CostRecord) -> list[str]:
    """In the order in which they were run."""
    return list(dict.fromkeys(one.way for one in record.arms))


def middle(record: CostRecord, way: str) -> tuple[int, int]:
    """Batch and frames at which most arms were measured; the smallest batch, the most frames."""
    cells = [cell for one in record.arms if one.way == way for cell in one.cells]
    measured = [cell for cell in cells if cell.ms_p50 is not None] or cells
    batch = min(cell.batch for cell in cells)
    wide = [cell.frames for cell in measured if cell.batch == max(one.batch for one in measured)]
    return batch, max(wide, key=lambda frames: (wide.count(frames), frames))


def notes(record: CostRecord) -> tuple[str, ...]:
    """What the figures are of, and what is not there."""
    size = "×".join(map(str, record.size))
    found = [
        f"Frames of {size} pixels on {on(record)}. A tracklet goes in whole, or in the clips of the only length that a "
        "network takes; the parameters are those that its descriptor depends on. FLOPs are two a multiply-accumulate.",
    ]
    if record.ceilings:
        rates = record.ceilings["gflops_per_s"]
        best = ", ".join(f"{rate:,.0f} GFLOP/s in {name}" for name, rate in rates.items())
        found.append(
            f"Roofline: achieved FLOP/s over min(best matrix product, FLOPs a byte × best copy), both measured in the "
            f"same process: {best}, {record.ceilings['gbytes_per_s']:,.1f} GB/s. Bytes are parameters, input and "
            "output, a lower bound, so that no share is flattered."
        )
    found += _times(record)
    missing = sum(bool(cell.left_out) for one in record.arms for cell in one.cells)
    if missing:
        found.append(f"{missing} cells were left out (a dash): {_reasons(record)}.")
    found += [f"{arm} was left out: {reason}." for arm, reason in record.left_out]
    return tuple(found)


def _times(record: CostRecord) -> list[str]:
    """What the times are beside, and how many of them do not hold."""
    cells = [cell for one in record.arms for cell in one.cells if cell.ms_p50 is not None]
    found = []
    if any(cell.ratio is not None for cell in cells):
        found.append(
            f"p50 over {REFERENCE}'s: over the time of a bare {REFERENCE} on the same frames in the same arithmetic "
            "and layout (never compiled), called in turns, median of single pairs. Other work of the machine slows "
            "both, so it holds where milliseconds do not."
        )
    ratios = sum(cell.settled is False for cell in cells)
    times = sum(cell.mark == NOT_SETTLED for cell in cells)
    busy = sum(cell.mark == BUSY for cell in cells)
    if times or ratios:
        found.append(
            f"† Not settled, so not to be compared: the milliseconds of {times} of {len(cells)} cells, the ratio of "
            f"{ratios}. Quartiles still lay more than a tenth from the median when the time ended; measure again on a "
            "machine without other work, or with more --seconds."
        )
    if busy:
        found.append(
            f"† Taken on a busy machine: the milliseconds of {busy} cells, where the same reference took over "
            f"{SLOWER:g} times as long as beside another arm. Ratios without † stand."
        )
    silent = sum(cell.settled is None for cell in cells)
    if silent:
        found.append(f"Whether the time of {silent} cells had settled was not recorded.")
    return found


def on(record: CostRecord) -> str:
    """The device, and a CPU's threads."""
    name = str(record.device.get("name", record.where))
    threads = record.device.get("threads")
    return f"{name}, {threads} thread{'' if threads == 1 else 's'}" if threads else name


def _reasons(record: CostRecord, shown: int = 3) -> str:
    """The commonest kinds of reasons, by their first words."""
    counts: dict[str, int] = {}
    for cell in (cell for one in record.arms for cell in one.cells if cell.left_out):
        kind = _kind(cell.left_out)
        counts[kind] = counts.get(kind, 0) + 1
    order: Sequence[tuple[str, int]] = sorted(counts.items(), key=lambda item: -item[1])
    more = sum(count for _, count in order[shown:])
    return "; ".join(f"{kind} ({count})" for kind, count in order[:shown]) + (f"; others ({more})" if more else "")


def _kind(reason: str) -> str:
    for words, kind in (("out of memory", "out of memory"), ("it would take some", "no time or memory for them"),
                        ("were used up", "no time for them")):  # fmt: skip
        if words in reason:
            return kind
    return reason


def _tracklets(batch: int) -> str:
    return "one tracklet" if batch == 1 else f"{batch} tracklets at once"
