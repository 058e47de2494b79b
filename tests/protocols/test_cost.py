"""Cost: names tell where they were measured, parameters are those of test time, timing keeps to its budget."""

import json
import time

import pytest
import torch
from torch import nn

from methods.errors import MethodError
from protocols import cost
from protocols.device import describe
from protocols.errors import ProtocolError
from protocols.latency import Timing, peak_memory_mb, time_calls

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


@pytest.fixture(scope="module")
def tiny():
    torch.manual_seed(0)
    return Tiny().train()


@pytest.fixture(scope="module")
def measured(tiny):
    return cost.measure(tiny, (16, 8), (8, 3), "cpu", budget_s=0.2)


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
    got = cost.measure(method, (16, 8), (2,), budget_s=0.05)
    assert (got.parameters, got.parameters_trainable) == (116, 508)
    assert not method.conv.weight.requires_grad
    assert method.norm.weight.requires_grad


def test_a_cpu_never_fills_what_is_called_gpu(measured):
    record, metrics = measured.as_dict(), measured.metrics()
    assert record["latency"]["cpu_ms_p50"] == measured.latency.p50
    assert metrics["latency/cpu_ms_p50"] == measured.latency.p50
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
    got = cost.measure(FixedTiny(), (16, 8), (10, 3), "cpu", budget_s=0.1)
    assert got.macs == {3: CLIP, 10: 3 * CLIP}
    assert (got.latency_frames, got.clip_length) == (4, 4)
    assert got.gmacs_per_frame == pytest.approx(CLIP / 4 / 1e9)  # over the four frames that are computed, not three
    assert got.as_dict()["gmacs_per_tracklet"]["10"] == pytest.approx(3 * CLIP / 1e9)
    one = cost.measure(FixedTiny(), (16, 8), (3,), "cpu", budget_s=0.05)
    assert one.throughput == pytest.approx(3000 / one.latency.p50)  # the tracklet has three frames to give
    assert (got.as_dict()["latency"]["frames"], got.as_dict()["clip_length"]) == (4, 4)


def test_a_network_for_images_is_measured_beside_the_one_for_tracklets(measured):
    got = cost.measure(FixedTiny(), (16, 8), (4,), "cpu", budget_s=0.05)
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
    whole = cost.measure(Mixing(), (16, 8), (3, 10), "cpu", budget_s=0.05)
    assert (whole.macs, whole.clip_length) == ({3: 3 * 9, 10: 3 * 100}, None)
    seen.clear()
    cut = cost.measure(Mixing(), (16, 8), (3, 10), "cpu", snippet=4, budget_s=0.05)
    assert (cut.macs, cut.clip_length, cut.latency_frames) == ({3: 3 * 9, 10: 3 * 3 * 16}, 4, 3)
    assert ((3, 4), 10) in seen  # three clips of four frames, two of them not real
    assert cost.measure(FixedTiny(), (16, 8), (4,), "cpu", snippet=32, budget_s=0.05).macs == {4: CLIP}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_never_fills_what_is_called_cpu(tiny):
    got = cost.measure(tiny, (16, 8), (3, 8), "cuda", budget_s=0.2)
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
    calls = []
    start = time.perf_counter()
    timing = time_calls(lambda: calls.append(time.sleep(0.005)), CPU, 0.2)
    assert time.perf_counter() - start < 2
    assert timing.warm_up >= 1
    assert len(calls) == timing.warm_up + len(timing.samples)
    assert min(timing.samples) >= 5
    slow = time_calls(lambda: time.sleep(0.05), CPU, 0.01)
    assert (slow.warm_up, len(slow.samples)) == (1, 3)
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
        cost.measure(tiny, size, lengths)


def test_bad_snippet(tiny):
    with pytest.raises(ProtocolError, match="snippet=0 must be at least 1"):
        cost.measure(tiny, (16, 8), (4,), snippet=0)
