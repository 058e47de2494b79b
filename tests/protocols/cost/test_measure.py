"""Cost: names tell where they were measured, parameters are those of test time, timing keeps to its budget."""

import json
import time

import pytest
import torch
from torch import nn

from methods.errors import MethodError
from protocols.cost import measure
from protocols.cost.device import describe
from protocols.cost.interleaved_timing import Timing
from protocols.cost.latency import peak_memory_mb, time_calls, watch
from protocols.errors import ProtocolError
from tests.protocols.cost.machine import Machine, Stopwatch

CPU = torch.device("cpu")


class Tiny(nn.Module):
    """One convolution, a frame mean, and a classifier that testing does not use."""

    descriptor_dim = 4

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm1d(4)
        self.classifier = nn.Linear(4, 100)

    def forward(self, clips, mask):
        frames = self.conv(clips.flatten(0, 1)).mean(dim=(2, 3)).unflatten(0, clips.shape[:2])
        weights = mask.to(frames.dtype)[..., None]
        return self.norm((frames * weights).sum(dim=1) / weights.sum(dim=1))

    def losses(self, clips, mask, labels, wanted):
        return {}


def told(method, size, lengths, device=None, *, ms=(), **more):
    """Measured by a stopwatch that tells the times it is given, so that nothing real is timed."""
    stopwatch = Stopwatch(*ms)
    return measure.measure(
        method, size, lengths, device, budget_s=0.1, stopwatch=stopwatch, clock=stopwatch.clock, **more
    )


@pytest.fixture(scope="module")
def tiny():
    torch.manual_seed(0)
    return Tiny().train()


@pytest.fixture(scope="module")
def measured(tiny):
    return told(tiny, (16, 8), (8, 3), "cpu")


def test_operations_by_hand(measured):
    frame = 4 * 3 * 9 * 16 * 8
    assert measured.macs == {3: 3 * frame, 8: 8 * frame}
    assert measured.gmacs_per_frame == pytest.approx(frame / 1e9)
    record = measured.as_dict()
    assert record["gflops_per_frame"] == 2 * record["gmacs_per_frame"]
    assert record["gmacs_per_tracklet"]["8"] == pytest.approx(8 * frame / 1e9)


def test_parameters_of_test_time_leave_out_the_classifier(measured):
    assert measured.parameters == 4 * 27 + 8
    assert measured.parameters_total == measured.parameters_trainable == 4 * 27 + 8 + 500


def test_frozen_parameters_count_at_test_time_but_not_as_trainable():
    method = Tiny()
    method.conv.requires_grad_(False)
    got = told(method, (16, 8), (2,))
    assert (got.parameters, got.parameters_trainable) == (116, 508)
    assert not method.conv.weight.requires_grad
    assert method.norm.weight.requires_grad


def test_a_cpu_never_fills_what_is_called_gpu(measured):
    record, metrics = measured.as_dict(), measured.metrics()
    assert record["latency"]["cpu_ms_p50"] == measured.latency.p50
    assert metrics["latency/cpu_ms_p50"] == measured.latency.p50 == 1
    assert metrics["latency/cpu_ratio"] == 1
    assert not [key for key in [*record["latency"], *metrics] if "gpu" in key]
    assert record["latency"]["device"] == "cpu"
    assert record["latency"]["frames"] == 3
    json.dumps(record)


class FixedTiny(Tiny):
    """The same for clips of exactly four real frames, each compared with each other, and with a network for images."""

    clip_length = 4

    def __init__(self):
        super().__init__()
        self.image = nn.Conv2d(3, 4, 1)

    def forward(self, clips, mask):
        if clips.shape[1] != self.clip_length or not mask.all():
            raise MethodError("clips of four frames only")
        frames = self.conv(clips.flatten(0, 1)).mean(dim=(2, 3)).unflatten(0, clips.shape[:2])  # [B, T, 4]
        return self.norm((frames @ frames.transpose(1, 2) @ frames).mean(dim=1))

    def image_descriptor(self, images):
        return self.image(images).mean(dim=(2, 3))


CLIP = 4 * (4 * 3 * 9 * 16 * 8) + 2 * 4 * 4 * 4
"""MACs of one clip of `FixedTiny`: four convolutions, and two products of 4 x 4 frames of 4 numbers."""


def test_fixed_clips_cost_what_whole_clips_cost():
    got = told(FixedTiny(), (16, 8), (10, 3), "cpu")
    assert got.macs == {3: CLIP, 10: 3 * CLIP}
    assert (got.latency_frames, got.clip_length) == (4, 4)
    assert got.gmacs_per_frame == pytest.approx(CLIP / 4 / 1e9)  # over the four frames that are computed, not three
    assert got.as_dict()["gmacs_per_tracklet"]["10"] == pytest.approx(3 * CLIP / 1e9)
    one = told(FixedTiny(), (16, 8), (3,), "cpu")
    assert one.throughput == pytest.approx(3000 / 1)  # the tracklet has three frames to give
    assert (got.as_dict()["latency"]["frames"], got.as_dict()["clip_length"]) == (4, 4)


def test_a_network_for_images_is_measured_beside_the_one_for_tracklets(measured):
    got = told(FixedTiny(), (16, 8), (4,), "cpu")
    assert got.parameters == 4 * 27 + 8
    assert got.as_dict()["image"] == {
        "gmacs": pytest.approx(12 * 128 / 1e9), "gflops": pytest.approx(24 * 128 / 1e9), "params_m": 16 / 1e6,
    }  # fmt: skip
    assert got.metrics()["cost/gmacs_per_image"] == pytest.approx(12 * 128 / 1e9)
    assert "image" not in measured.as_dict()
    assert "cost/gmacs_per_image" not in measured.metrics()
    json.dumps(got.as_dict())


def test_tracklets_enter_as_the_protocol_cuts_them():
    class Mixing(Tiny):
        clip_length = 4  # says so, and takes any

        def forward(self, clips, mask):
            seen.append((tuple(clips.shape[:2]), int(mask.sum())))
            frames = clips.mean(dim=(3, 4)) * mask[..., None]  # [B, T, 3]
            return self.norm(
                self.conv.weight.sum() * (frames @ frames.transpose(1, 2)).mean(dim=(1, 2))[:, None].expand(-1, 4)
            )

    seen = []
    whole = told(Mixing(), (16, 8), (3, 10), "cpu")
    assert (whole.macs, whole.clip_length) == ({3: 3 * 9, 10: 3 * 100}, None)
    seen.clear()
    cut = told(Mixing(), (16, 8), (3, 10), "cpu", snippet=4)
    assert (cut.macs, cut.clip_length, cut.latency_frames) == ({3: 3 * 9, 10: 3 * 3 * 16}, 4, 3)
    assert ((3, 4), 10) in seen  # three clips of four frames, two of them not real
    assert told(FixedTiny(), (16, 8), (4,), "cpu", snippet=32).macs == {4: CLIP}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_never_fills_what_is_called_cpu(tiny):
    got = measure.measure(tiny, (16, 8), (3, 8), "cuda", budget_s=0.2)
    assert got.as_dict()["latency"]["gpu_ms_p50"] > 0
    assert not [key for key in [*got.as_dict()["latency"], *got.metrics()] if "cpu" in key]
    assert got.peak_memory_mb > 0
    assert next(tiny.parameters()).device.type == "cpu"


def test_names_do_not_depend_on_having_a_gpu(measured):
    from dataclasses import replace

    on_gpu = replace(measured, device={"device": "gpu", "name": "some GPU"})
    assert {k for k in on_gpu.metrics() if "cpu" in k} == set()
    assert "gpu_ms_p95" in on_gpu.as_dict()["latency"]
    assert "memory/gpu_peak_mb" in on_gpu.metrics() or measured.peak_memory_mb is None


def test_measuring_leaves_the_method_as_it_was(tiny, measured):
    assert tiny.training
    assert tiny.norm.training
    assert tiny.norm.num_batches_tracked == 0
    assert all(p.grad is None for p in tiny.parameters())


def test_percentiles_come_from_the_samples_kept():
    timing = Timing(tuple(float(x) for x in range(1, 102)), warm_up=2)
    assert (timing.p50, timing.p95) == (51, 96)


def test_timing_warms_up_and_keeps_to_its_budget():
    machine = Machine()
    timing = time_calls(machine.call("a", 1 / 128), CPU, 1 / 4, machine.clock)
    assert machine.now == 1 / 4
    assert timing.warm_up == 8  # a quarter of the time
    assert len(machine.calls) == timing.warm_up + len(timing.samples) == 32
    assert set(timing.samples) == {1000 / 128}
    slow = time_calls(machine.call("a", 0.05), CPU, 0.01, machine.clock)
    assert (slow.warm_up, len(slow.samples)) == (1, 3)


def test_a_cpu_is_timed_by_the_wall_clock():
    began = time.perf_counter()
    taken = watch(CPU)(lambda: time.sleep(0.02))
    assert 20 <= taken <= 1000 * (time.perf_counter() - began)


def test_the_trunk_beside_an_arm_gets_the_frames_that_the_tracklet_has():
    """A network of clips of four computes four frames for three; whoever is timed, the tracklet is the same."""
    seen = []
    trunk = measure.bare_trunk(CPU, torch.float32)
    hook = trunk.register_forward_hook(lambda module, inputs, output: seen.append(tuple(inputs[0].shape)))
    got = told(FixedTiny(), (16, 8), (3, 10), "cpu")
    hook.remove()
    assert set(seen) == {(3, 3, 16, 8), (10, 3, 16, 8)}
    assert got.as_dict()["latency"]["reference_frames"] == 3
    assert sum(p.numel() for p in trunk.parameters()) == 23_508_032 + 2048 + 1  # ResNet-50 and a classifier of one


def test_building_the_trunk_draws_no_random_numbers_of_anybody_else():
    measure.bare_trunk.cache_clear()
    torch.manual_seed(3)
    measure.bare_trunk(CPU)
    drawn = torch.rand(1)
    torch.manual_seed(3)
    assert drawn == torch.rand(1)


def test_the_ratio_to_the_trunk_stands_beside_the_milliseconds():
    got = told(Tiny(), (16, 8), (3,), ms=(30, 20) + (30, 20, 20, 30) * 200)
    latency = got.as_dict()["latency"]
    assert (latency["cpu_ms_p50"], latency["reference_ms_p50"], latency["ratio"]) == (30, 20, 1.5)
    assert (latency["reference"], latency["settled"], latency["ms_settled"]) == (
        "resnet50",
        False,
        False,
    )  # three pairs
    assert latency["threads"] == torch.get_num_threads()
    assert len(latency["load_1min"]) == 2


def test_2636_milliseconds_of_a_machine_that_was_busy_have_their_mark():
    """One of the two was slowed seventy times in most pairs; the record, and the names of the metrics, say so."""
    got = told(Tiny(), (16, 8), (8, 64), ms=(33, 33, 2600, 33, 40, 2636, 2700, 33, 31, 35))
    latency = got.as_dict()["latency"]
    assert latency["cpu_ms_p50"] > 2000
    assert latency["settled"] is latency["ms_settled"] is False
    metrics = got.metrics()
    assert "latency/cpu_ms_p50" not in metrics
    assert metrics["latency/cpu_ms_p50_unsettled"] == latency["cpu_ms_p50"]
    assert got.as_dict()["throughput"]["frames"] == 64
    json.dumps(got.as_dict(), allow_nan=False)
    with pytest.raises(ProtocolError, match="budget_s"):
        time_calls(lambda: None, CPU, 0)


def test_memory_of_a_call_that_fills_80_megabytes():
    peak = peak_memory_mb(lambda: torch.ones(20_000_000).sum(), CPU)
    if peak is None:
        pytest.skip("this system does not tell a process's high-water mark")
    assert 70 < peak < 160
    assert peak_memory_mb(lambda: None, CPU) < 20


def test_device_is_described():
    seen = describe(CPU)
    assert seen["device"] == "cpu"
    assert seen["threads"] == torch.get_num_threads()
    assert seen["cores"] >= 1
    assert seen["isa"] == torch.backends.cpu.get_cpu_capability()
    assert seen["name"]


@pytest.mark.parametrize(("size", "lengths"), [((0, 8), (1,)), ((8, 8), ()), ((8, 8), (0, 4))])
def test_bad_input(tiny, size, lengths):
    with pytest.raises(ProtocolError, match="at least 1"):
        measure.measure(tiny, size, lengths)


def test_bad_snippet(tiny):
    with pytest.raises(ProtocolError, match="snippet=0 must be at least 1"):
        measure.measure(tiny, (16, 8), (4,), snippet=0)
