"""Cost against frames and batch: operations by hand, growth with time, and nothing left out in silence."""

import itertools

import pytest
import torch
from torch import nn

import methods
from methods.errors import MethodError
from protocols.cost import grid as cost_grid
from protocols.cost.grid import LENGTHS, Bench, Way, measure_grid
from protocols.cost.interleaved_timing import Turns
from protocols.cost.op_signature import signature
from protocols.errors import ProtocolError
from protocols.precision import computing, why_not
from tests.protocols.cost.machine import Stopwatch

CPU = torch.device("cpu")
SIZE = (16, 8)
FRAME = 4 * 3 * 9 * 16 * 8
"""MACs of `Tiny`'s convolution on one frame."""


class Tiny(nn.Module):
    """One convolution and a mean over frames."""

    descriptor_dim = 4

    def __init__(self, channels=4):
        super().__init__()
        self.conv = nn.Conv2d(3, channels, 3, padding=1, bias=False)
        self.floor = 0.1

    def features(self, clips):
        return self.conv(clips.flatten(0, 1)).clamp(min=self.floor).mean(dim=(2, 3)).unflatten(0, clips.shape[:2])

    def forward(self, clips, mask):
        return self.features(clips).mean(dim=1)

    def losses(self, clips, mask, labels, wanted):
        return {}


class Attending(Tiny):
    """Every frame looks at every other: two products of [T, 4] by [4, T] and of [T, T] by [T, 4]."""

    def forward(self, clips, mask):
        frames = self.features(clips)
        return ((frames @ frames.transpose(1, 2)).softmax(dim=-1) @ frames).mean(dim=1)


class FixedTiny(Tiny):
    """Clips of four frames and of nothing else."""

    clip_length = 4

    def forward(self, clips, mask):
        if clips.shape[1] != 4 or not mask.all():
            raise MethodError("clips of four frames only")
        return super().forward(clips, mask)


def bench_of(method, *ms):
    """A bench whose stopwatch tells made-up times: what a call really takes decides nothing here."""
    stopwatch = Stopwatch(*ms)
    return Bench(method, SIZE, "cpu", stopwatch=stopwatch, clock=stopwatch.clock)


def grid_of(method, *ms, **options):
    return measure_grid(bench_of(method, *ms), **{"budget_s": 0.5, "cell_s": 0.02, "clock": lambda: 0.0, **options})


def test_cells_by_hand():
    grid = grid_of(Tiny(), lengths=(1, 4), batches=(1, 3))
    assert [(c.frames, c.batch, c.macs) for c in grid.cells] == [
        (1, 1, FRAME), (1, 3, 3 * FRAME), (4, 1, 4 * FRAME), (4, 3, 12 * FRAME)
    ]  # fmt: skip
    for cell in grid.cells:
        assert len(cell.timing.samples) >= 3
        assert cell.frames_per_s == pytest.approx(1000 * cell.frames * cell.batch / cell.timing.p50)
        assert cell.left_out == cell.uncounted == ""
    record = grid.as_dict()
    assert (record["params_m"], record["left_out"], record["clip_length"]) == (108 / 1e6, 0, None)
    assert record["cells"][3]["gflops"] == pytest.approx(2 * 12 * FRAME / 1e9)
    assert record["way"]["name"] == "fp32"
    assert record["cells"][3]["ratio"] == 1
    assert record["cells"][3]["settled"] is True
    assert (record["reference"], len(record["load_1min"])) == ("resnet50", 2)


def test_a_cell_that_did_not_settle_says_so():
    (cell,) = grid_of(Tiny(), 1, 1, *(90, 9, 9, 1) * 200, lengths=(2,), cell_s=2.0).cells
    found = cell.as_dict()
    assert (found["settled"], found["ms_settled"]) == (False, False)
    assert len(found["samples_ms"]) == len(found["reference_samples_ms"]) > 5


def test_the_trunk_runs_as_the_arm_does():
    seen = []
    bench = bench_of(Tiny())
    hook = bench.trunk.register_forward_hook(
        lambda module, inputs, output: seen.append(
            (tuple(inputs[0].shape), inputs[0].is_contiguous(memory_format=torch.channels_last), output.dtype,
             module.layer1[0].conv2.weight.is_contiguous(memory_format=torch.channels_last))
        )
    )  # fmt: skip
    bench.cell(4, 2, Way("bf16", channels_last=True), 0.01)
    bench.cell(4, 2, Way("fp32"), 0.01)
    hook.remove()
    assert set(seen) == {((8, 3, *SIZE), True, torch.bfloat16, True), ((8, 3, *SIZE), False, torch.float32, False)}


def test_fixed_clips_are_fed_whole():
    grid = grid_of(FixedTiny(), lengths=(3, 9), batches=(2,))
    assert [(c.clips, c.macs) for c in grid.cells] == [((1, 4), 2 * 4 * FRAME), ((3, 4), 2 * 12 * FRAME)]
    assert grid.cells[1].frames_per_s == pytest.approx(1000 * 18 / grid.cells[1].timing.p50)
    assert grid.as_dict()["clip_length"] == 4


def test_a_trunk_costs_the_same_for_every_frame_up_to_128():
    """The network's operations against a count of convolutions and linear layers by their own shapes."""
    method = methods.arm("adfd/a").build(5, (32, 32))
    by_hand = 0

    def note(module, inputs, output):
        nonlocal by_hand
        places = output.numel() // output.shape[1]
        by_hand += places * module.weight.numel()

    hooks = [m.register_forward_hook(note) for m in method.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    bench = Bench(method, (32, 32), "cpu")
    with torch.no_grad():
        by_hand = 0
        bench.method.eval()(*bench.feed.clips(1))
    for hook in hooks:
        hook.remove()
    assert {t: bench.count(t).macs for t in LENGTHS} == {t: t * by_hand for t in LENGTHS}


def test_attention_over_time_grows_with_the_square():
    bench = Bench(Attending(), SIZE, "cpu")
    assert {t: bench.count(t).macs for t in LENGTHS} == {t: t * FRAME + 2 * 4 * t * t for t in LENGTHS}


def test_a_non_local_network_grows_with_the_square():
    """Second differences of the count are one constant above 0: T frames, and every pair of them."""
    bench = Bench(methods.arm("tkp/baseline").build(5, (32, 32)), (32, 32), "cpu")
    one, two, three, four = (bench.count(t).macs for t in (1, 2, 3, 4))
    assert three - 2 * two + one == four - 2 * three + two > 0


class Hungry(Tiny):
    """Runs out of memory, or breaks, from so many frames on."""

    def __init__(self, frames, error):
        super().__init__()
        self.limit, self.error = frames, error

    def forward(self, clips, mask):
        if clips.shape[:2].numel() >= self.limit:
            raise self.error
        return super().forward(clips, mask)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB."),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 400 bytes."),
        MemoryError(),
    ],
)
def test_out_of_memory_is_recorded_and_larger_cells_are_not_tried(error):
    grid = grid_of(Hungry(8, error), lengths=(2, 4, 8, 16), batches=(1, 2))
    found = {(c.frames, c.batch): c.left_out for c in grid.cells}
    assert found[2, 2] == found[4, 1] == ""
    assert found[8, 1].startswith("out of memory: ")
    assert found[16, 2].startswith("out of memory already at ")
    assert len(found) == 8
    assert grid.as_dict()["left_out"] == 5  # 4 x 2 and all of 8 and 16 frames
    assert all(c.timing is None and c.as_dict()["ms_p50"] is None for c in grid.cells if c.left_out)


def test_a_crash_is_recorded_and_the_others_are_measured():
    grid = grid_of(Hungry(4, ValueError("no more than three frames\nsecond line")), lengths=(2, 4))
    assert [c.left_out for c in grid.cells] == ["", "it failed with ValueError: no more than three frames"]


def test_what_cannot_be_counted_is_timed_all_the_same():
    class Blind(Tiny):
        def forward(self, clips, mask):
            return super().forward(clips, mask) + torch.linalg.det(torch.eye(4))

    (cell,) = grid_of(Blind(), lengths=(2,)).cells
    assert cell.macs is None
    assert "det" in cell.uncounted
    assert cell.timing is not None
    assert cell.as_dict()["gflops"] is None


def test_numbers_that_a_device_does_not_know_are_told():
    (cell,) = grid_of(Tiny(), lengths=(2,), way=Way("tf32")).cells
    assert "TF32" in cell.left_out
    assert why_not("fp32", CPU) is why_not("bf16", CPU) is None
    with pytest.raises(ProtocolError, match="choose one of fp32, tf32, bf16"):
        why_not("fp8", CPU)


@pytest.mark.parametrize("way", [Way("bf16"), Way("fp32", channels_last=True), Way("bf16", channels_last=True)])
def test_other_ways_of_running(way):
    method = Tiny()
    grid = grid_of(method, lengths=(2,), way=way)
    assert not grid.cells[0].left_out
    assert grid.cells[0].macs == 2 * FRAME
    assert grid.way.name == way.name
    assert method.conv.weight.dtype == torch.float32


def test_the_layout_is_the_one_that_is_named():
    seen = []

    class Looking(Tiny):
        def forward(self, clips, mask):
            seen.append([x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous()
                         for x in (clips.flatten(0, 1), self.conv.weight)])  # fmt: skip
            return super().forward(clips, mask)

    bench = bench_of(Looking())
    for wanted in (False, True, False):
        seen.clear()
        bench.cell(4, 1, Way(channels_last=wanted), 0.01)
        assert seen[-1] == [wanted, wanted]


class Clock:
    """Goes on by so many seconds each time that it is read."""

    def __init__(self, step):
        self.times = itertools.count(0, step)

    def __call__(self):
        return next(self.times)


def test_when_the_time_is_used_up_the_rest_is_told():
    grid = grid_of(Tiny(), lengths=(1, 2, 4, 8), budget_s=5, clock=Clock(2))
    assert [bool(c.left_out) for c in grid.cells] == [False, False, True, True]
    assert grid.cells[-1].left_out == "the 5 s for this grid were used up"


def test_cells_that_would_not_end_in_time_or_fit_into_memory(monkeypatch):
    """Two calls alone and four pairs of 0.75 s and 0.375 s a cell of four frames: 6 s, and twice that for eight."""
    timing = Turns((750.0, 750.0), 1, (375.0, 375.0))
    slow = cost_grid.Cell(4, 1, (1, 4), timing=timing, peak_memory_mb=500.0)
    bench = Bench(Tiny(), SIZE, "cpu")
    monkeypatch.setattr(cost_grid, "_free_memory_mb", lambda: 4000.0)
    reason = cost_grid._too_dear([slow], 8, 1, 11.0, 60.0, bench)
    assert reason == "it would take some 12.0 s, and 11.0 of 60 s are left for this grid"
    assert cost_grid._too_dear([slow], 8, 1, 13.0, 60.0, bench) == ""
    assert cost_grid._too_dear([slow], 32, 1, 1e3, 1e3, bench) == "it would take some 4.0 GB, and 4.0 GB are free"


def test_switches_are_put_back():
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    with pytest.raises(KeyError), computing("tf32", CPU):
        assert torch.backends.cuda.matmul.allow_tf32 and torch.backends.cudnn.allow_tf32
        raise KeyError
    with computing("fp32", CPU):
        assert not (torch.backends.cuda.matmul.allow_tf32 or torch.backends.cudnn.allow_tf32)
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32
    with computing("bf16", CPU):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.bfloat16
    assert (torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32) == before


def test_a_method_is_left_in_its_mode():
    method = Tiny().train()
    grid_of(method, lengths=(1,))
    assert method.training
    assert method.conv.weight.requires_grad and method.conv.weight.grad is None


def test_the_same_work_has_the_same_signature():
    clips, mask = torch.randn(1, 3, 3, *SIZE), torch.ones(1, 3, dtype=torch.bool)
    one, other, wider, attending = Tiny(), Tiny(), Tiny(5), Attending()
    other.floor = 0.3  # a threshold costs nothing
    found = [signature(each, (clips, mask)) for each in (one, other, wider, attending)]
    assert found[0] == found[1]
    assert len(set(found)) == 3
    other.conv.padding = (0, 0)
    assert signature(other, (clips, mask)) != found[0]


@pytest.mark.parametrize("options", [{"lengths": ()}, {"lengths": (0,)}, {"batches": (0, 1)}, {"budget_s": 0}])
def test_bad_input(options):
    with pytest.raises(ProtocolError, match="must be at least 1"):
        grid_of(Tiny(), **options)
    with pytest.raises(ProtocolError, match="measured on cpu or cuda"):
        Bench(Tiny(), SIZE, "meta")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu():
    bench = Bench(Tiny(), SIZE, "cuda")
    for way in (Way("fp32"), Way("tf32"), Way("bf16", channels_last=True)):
        (cell,) = measure_grid(bench, lengths=(4,), way=way, budget_s=0.2).cells
        assert cell.left_out == ""
        assert cell.macs == 4 * FRAME
        assert cell.peak_memory_mb > 0
