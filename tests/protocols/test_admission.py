"""Admission: real ResNet-50 arms enter whatever they are called; injected faults are turned away with the reason."""

import re

import pytest
import torch
import torchvision
from torch import nn

import protocols
from methods.errors import MethodError
from protocols.admission import examine, fixed_length
from protocols.catalogue.res50_rgb_single_pass import PROTOCOL
from protocols.errors import ProtocolError
from protocols.resnet50 import PARAMETERS


class Averaging(nn.Module):
    """Frame features, masked mean; `network` maps [N, 3, H, W] to [N, descriptor_dim, h, w]."""

    def __init__(self, network, descriptor_dim=2048):
        super().__init__()
        self.anything = network
        self.descriptor_dim = descriptor_dim

    def frames(self, clips):
        return self.anything(clips.flatten(0, 1)).mean(dim=(2, 3)).unflatten(0, clips.shape[:2])

    def forward(self, clips, mask):
        weights = mask.to(clips.dtype)[..., None]
        return (self.frames(clips) * weights).sum(dim=1) / weights.sum(dim=1)

    def losses(self, clips, mask, labels, wanted):
        return {}


def maps(name="resnet50", change=None):
    """A torchvision ResNet without its classifier, under names of our own."""
    torch.manual_seed(0)
    net = getattr(torchvision.models, name)(weights=None)
    if change is not None:
        change(net)
    return nn.Sequential(
        nn.Sequential(net.conv1, net.bn1, net.relu, net.maxpool),
        *(nn.Sequential(*stage) for stage in (net.layer1, net.layer2, net.layer3, net.layer4)),
    )


@pytest.fixture(scope="module")
def network():
    return maps()


def result(method, name):
    return examine(method, [name], (32, 16)).checks[0]


def test_a_plain_trunk_enters_whatever_its_parts_are_called(network):
    method = Averaging(network).train()
    admission = PROTOCOL.admit(method)
    assert admission.admitted, admission.reasons
    assert [check.name for check in admission.checks] == ["rgb", "resnet50", "single-pass", "whole-sequence"]
    assert "23,508,032" in result(method, "resnet50").detail
    assert method.training
    assert method.anything[0][1].training
    assert admission.as_dict()["checks"][0]["passed"] is True


def test_the_parameter_count_is_that_of_the_trunk_without_classifier(network):
    assert sum(p.numel() for p in network.parameters()) == PARAMETERS


def test_last_stride_one_and_a_head_behind_the_trunk_are_a_papers_own_business():
    def unstride(net):
        net.layer4[0].conv2.stride = net.layer4[0].downsample[0].stride = (1, 1)

    method = Averaging(nn.Sequential(maps(change=unstride), nn.Conv2d(2048, 64, 1)), 64)
    assert "131,136 more" in result(method, "resnet50").detail


class SqueezeExcite(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.fc1, self.fc2 = nn.Conv2d(channels, channels // 16, 1), nn.Conv2d(channels // 16, channels, 1)

    def forward(self, x):
        return x * torch.sigmoid(self.fc2(torch.relu(self.fc1(x.mean(dim=(2, 3), keepdim=True)))))


def squeeze(net):
    for stage in (net.layer1, net.layer2, net.layer3, net.layer4):
        for block in stage:
            block.bn3 = nn.Sequential(block.bn3, SqueezeExcite(block.conv3.out_channels))


@pytest.mark.parametrize(
    ("build", "channels", "reason"),
    [
        (lambda: maps(change=squeeze), 2048, "16 of 16 bottlenecks are not plain.*fc1"),
        (lambda: maps("resnet18"), 512, "no bottleneck"),
        (lambda: maps("resnet101"), 2048, "3-4-23-3"),
        (lambda: maps("resnext50_32x4d"), 2048, "no ResNet-50|not plain"),
        (lambda: maps("wide_resnet50_2"), 2048, "no ResNet-50|instead of"),
        (lambda: nn.Sequential(torchvision.models.mobilenet_v2(weights=None).features), 1280, "no ResNet-50"),
        (lambda: maps(change=lambda n: setattr(n.layer2[0], "bn1", nn.GroupNorm(32, 128))), 2048, "not plain"),
        (lambda: maps(change=lambda n: setattr(n, "layer3", n.layer3[:5])), 2048, "3-4-5-3"),
    ],
)
def test_other_backbones_are_turned_away_with_the_reason(build, channels, reason):
    check = result(Averaging(build(), channels), "resnet50")
    assert not check.passed
    assert re.search(reason, check.detail), check.detail


def test_two_trunks_in_one_pass_are_one_too_many(network):
    class Twice(Averaging):
        def __init__(self):
            super().__init__(network)
            self.second = maps()

        def frames(self, clips):
            both = self.anything(clips.flatten(0, 1)) + self.second(clips.flatten(0, 1))
            return both.mean(dim=(2, 3)).unflatten(0, clips.shape[:2])

    assert "2 ResNet-50 trunks" in result(Twice(), "resnet50").detail


def test_a_trunk_that_is_there_but_never_runs_does_not_count(network):
    class Facade(Averaging):
        def __init__(self):
            super().__init__(maps("resnet18"), 512)
            self.shown = network

    assert not result(Facade(), "resnet50").passed


def test_five_channels_and_open_doors_are_not_rgb(network):
    flow = maps(change=lambda n: setattr(n, "conv1", nn.Conv2d(5, 64, 7, 2, 3, bias=False)))

    class Flow(Averaging):
        def frames(self, clips):
            return super().frames(torch.cat([clips, clips[:, :, :2]], dim=2))

    assert "5 channels" in result(Flow(flow), "rgb").detail

    class Open(Averaging):
        def frames(self, clips):
            return super().frames(clips[:, :, :3])

    assert "4 channels are accepted" in result(Open(network), "rgb").detail


class Faulty(Averaging):
    """A sound method with one fault, named by `fault`."""

    def __init__(self, network, fault):
        super().__init__(network)
        self.fault = fault

    def forward(self, clips, mask):
        if self.fault == "crash" and clips.shape[1] > 30:
            raise RuntimeError("position table is too short\nsecond line")
        if self.fault == "crop":
            clips, mask = clips[:, :16], mask[:, :16]
        if self.fault == "padding":
            mask = torch.ones_like(mask)
        out = super().forward(clips, mask)
        if self.fault == "batch":
            out = out - 0.01 * out.mean(dim=0)
        if self.fault == "random":
            out = out + 0.01 * out.norm() * torch.randn_like(out)
        if self.fault == "nan":
            out = out * float("nan")
        if self.fault == "shape":
            out = out[:, None]
        return out


@pytest.mark.parametrize(
    ("fault", "check", "reason"),
    [
        ("batch", "single-pass", "batch mates"),
        ("random", "single-pass", "random"),
        ("padding", "whole-sequence", "padding of 3 frames"),
        ("crash", "whole-sequence", "33 frames fails with RuntimeError: position table is too short$"),
        ("crop", "whole-sequence", "last of 33 frames is never read"),
        ("nan", "single-pass", "not finite"),
        ("shape", "single-pass", r"instead of \[1, D\]"),
    ],
)
def test_faults_in_behaviour_are_found(network, fault, check, reason):
    found = result(Faulty(network, fault), check)
    assert not found.passed
    assert re.search(reason, found.detail), found.detail


def test_scoring_pairs_is_not_a_single_pass(network):
    class Pairs(Averaging):
        def score(self, query, query_mask, gallery, gallery_mask):
            return query.new_zeros(len(query), len(gallery))

    assert "scores pairs" in result(Pairs(network), "single-pass").detail


class NonLocal(nn.Module):
    """Positions of all frames of a clip look at each other; starts as no identity, so that it counts."""

    def __init__(self, channels, length):
        super().__init__()
        self.length = length
        self.theta, self.phi, self.value = (nn.Conv2d(channels, channels // 2, 1) for _ in range(3))
        self.out = nn.Sequential(nn.Conv2d(channels // 2, channels, 1), nn.BatchNorm2d(channels))

    def forward(self, x):
        query, key, value = (
            part(x).unflatten(0, (-1, self.length)).transpose(1, 2).flatten(2)
            for part in (self.theta, self.phi, self.value)
        )  # [B, d, T * h * w]
        weights = (query.transpose(1, 2) @ key / 100).softmax(dim=-1)
        mixed = (value @ weights.transpose(1, 2)).unflatten(2, (self.length, *x.shape[2:])).transpose(1, 2)
        return x + self.out(mixed.flatten(0, 1))


class Fixed(Averaging):
    """Takes clips of `clip_length` real frames and says so; `network` may mix the frames of a clip."""

    sentence = "this network compares 4 frames with each other: cut tracklets into snippets of 4"

    def __init__(self, network, clip_length=4, error=MethodError):
        super().__init__(network)
        self.clip_length, self.error = clip_length, error

    def forward(self, clips, mask):
        if clips.shape[1] != self.clip_length or not mask.all():
            raise self.error(f"{self.sentence}\nsecond line")
        return super().forward(clips, mask)


def with_attention(length=4):
    """ResNet-50 with non-local blocks among the bottlenecks of a stage and a mask between two stages."""
    stem, one, two, three, four = maps()
    two = nn.Sequential(*two[:2], NonLocal(512, length), *two[2:], NonLocal(512, length))
    return nn.Sequential(stem, one, two, three, NonLocal(1024, length), four)


def test_a_network_of_fixed_clips_is_probed_with_its_own_length():
    method = Fixed(with_attention()).train()
    rgb, resnet, single, whole = PROTOCOL.admit(method, (32, 16)).checks
    assert rgb.passed
    assert resnet.passed, resnet.detail
    assert single.passed, single.detail
    assert not whole.passed
    assert "clips of exactly 4 frames and refused tracklets of 1, 2, 7 and 33" in whole.detail
    assert f'it says "{Fixed.sentence}"' in whole.detail
    assert "second line" not in whole.detail
    assert "cannot take a whole sequence in one pass" in whole.detail
    assert "rgb-snippets" in whole.detail
    assert method.training


def test_protocols_of_snippets_admit_what_the_whole_sequence_turns_away(network):
    for name in ("rgb-snippets", "image-to-video", "occlusion-repaired", "snippet-vs-full"):
        assert protocols.load(name).admit(Fixed(network, clip_length=2), (32, 16)).admitted
    assert not PROTOCOL.admit(Fixed(network, clip_length=2), (32, 16)).admitted
    assert "refused tracklets of 1, 7 and 33" in result(Fixed(network, clip_length=2), "whole-sequence").detail


def test_test_lengths_are_compared_for_any_trunk_that_encodes_tracklets_alone(network):
    class AmongMates(Averaging):
        def forward(self, clips, mask):
            found = super().forward(clips, mask)
            return found - found.mean(dim=0)

    protocol = protocols.load("snippet-vs-full")
    assert protocol.requires == ("rgb", "single-pass")
    assert protocol.admit(Averaging(network), (32, 16)).admitted
    admission = protocol.admit(AmongMates(network), (32, 16))
    assert not admission.admitted
    assert any("single-pass" in reason and "batch mates" in reason for reason in admission.reasons)


def test_what_is_fixed_is_seen_from_what_is_refused(network):
    assert fixed_length(Fixed(network), (32, 16)) == 4
    assert fixed_length(Averaging(network), (32, 16)) is None
    boasting = Averaging(network)
    boasting.clip_length = 4
    assert fixed_length(boasting, (32, 16)) is None
    assert PROTOCOL.admit(boasting, (32, 16)).admitted
    crashing = result(Fixed(network, error=RuntimeError), "whole-sequence")
    assert "fails with RuntimeError: this network" in crashing.detail
    boasting.clip_length = 0
    with pytest.raises(ProtocolError, match="clip_length=0"):
        PROTOCOL.admit(boasting, (32, 16))


def test_a_leak_that_only_clips_of_other_lengths_show_is_not_hidden_by_naming_a_length(network):
    class Leaking(Averaging):
        clip_length = 4

        def forward(self, clips, mask):
            out = super().forward(clips, mask)
            return out if mask.all() else out - 0.01 * out.mean(dim=0)

    assert "batch mates" in result(Leaking(network), "single-pass").detail


def test_a_leak_between_clips_of_one_length_is_found(network):
    class Leaking(Fixed):
        def forward(self, clips, mask):
            out = super().forward(clips, mask)
            return out - 0.01 * out.mean(dim=0)

    assert "batch mates" in result(Leaking(network), "single-pass").detail


def test_a_network_that_fails_at_its_own_length_is_not_called_sound(network):
    class Broken(Fixed):
        def forward(self, clips, mask):
            raise MethodError("built for frames of another size")

    for check in PROTOCOL.admit(Broken(network), (32, 16)).checks:
        assert not check.passed
        assert "built for frames of another size" in check.detail


class WithImages(Averaging):
    """A second trunk for single images, which tracklets never pass; `fault` breaks it."""

    def __init__(self, network, fault=None):
        super().__init__(network)
        self.image, self.fault = maps(), fault

    def image_descriptor(self, images):
        images = images[:, :3] if self.fault == "open" else images
        out = self.image(images).mean(dim=(2, 3))
        if self.fault == "batch":
            out = out - 0.01 * out.mean(dim=0)
        if self.fault == "random":
            out = out + 0.01 * out.norm() * torch.randn_like(out)
        return out[:, None] if self.fault == "shape" else out


def test_a_second_trunk_for_single_images_is_no_second_trunk_of_the_tracklets():
    method = WithImages(with_attention(1))
    check = result(method, "resnet50")
    assert check.passed, check.detail
    assert "single images do not depend" in result(WithImages(maps()), "single-pass").detail


@pytest.mark.parametrize(
    ("fault", "check", "reason"),
    [
        ("batch", "single-pass", "a descriptor of a single image changes by .* with its batch mates"),
        ("random", "single-pass", "the same descriptor of a single image computed twice differs"),
        ("shape", "single-pass", r"image_descriptor gave \(1, 1, 2048\) for 1 images"),
        ("open", "rgb", "single images of 4 channels are accepted"),
    ],
)
def test_faults_of_the_image_network_are_found(network, fault, check, reason):
    found = result(WithImages(network, fault), check)
    assert not found.passed
    assert re.search(reason, found.detail), found.detail


class SEBottleneck(nn.Module):
    """As in Cadene's SE-ResNet-50: stride on the first 1x1, squeeze-and-excitation before the sum."""

    def __init__(self, plain, stride):
        super().__init__()
        self.conv1, self.bn1, self.conv2, self.bn2 = plain.conv1, plain.bn1, plain.conv2, plain.bn2
        self.conv3, self.bn3, self.downsample = plain.conv3, plain.bn3, plain.downsample
        self.conv1.stride, self.conv2.stride = stride, (1, 1)
        self.se_module = SqueezeExcite(plain.conv3.out_channels)

    def forward(self, x):
        y = self.bn1(self.conv1(x)).relu()
        y = self.bn3(self.conv3(self.bn2(self.conv2(y)).relu()))
        return (self.se_module(y) + (x if self.downsample is None else self.downsample(x))).relu()


def test_squeeze_and_excitation_is_another_backbone_and_snippets_take_it():
    def change(net):
        for name in ("layer1", "layer2", "layer3", "layer4"):
            setattr(net, name, nn.Sequential(*(SEBottleneck(b, b.conv2.stride) for b in getattr(net, name))))

    method = Averaging(maps(change=change))
    check = result(method, "resnet50")
    assert not check.passed
    assert re.search(
        r"16 of 16 bottlenecks are not plain: .* parameters that a bottleneck has not \(se_module", check.detail
    )
    assert protocols.load("rgb-snippets").admit(method, (32, 16)).admitted


def test_what_is_no_method_is_an_error(network):
    with pytest.raises(ProtocolError, match="no method"):
        PROTOCOL.admit(network)
    with pytest.raises(ProtocolError, match="frame_size"):
        PROTOCOL.admit(Averaging(network), (0, 32))


def test_protocols_are_found_by_their_files_and_unknown_names_answer_with_near_ones():
    assert protocols.names() == (
        "image-to-video", "image-to-video-ilids", "occlusion-repaired", "res50-rgb-single-pass", "rgb-eight-frames",
        "rgb-single-pass", "rgb-snippets", "snippet-vs-full",
    )  # fmt: skip
    assert all(protocols.load(name).name == name for name in protocols.names())
    assert protocols.load("res50-rgb-single-pass") is PROTOCOL
    with pytest.raises(ProtocolError, match="did you mean res50-rgb-single-pass"):
        protocols.load("res50-rgb")
    with pytest.raises(ProtocolError, match="known: image-to-video"):
        protocols.load("zzz")


def test_headline_convention_is_the_official_one_and_all_are_scored():
    assert PROTOCOL.convention in PROTOCOL.conventions
    assert len(PROTOCOL.conventions) == 12
    record = PROTOCOL.as_dict()
    assert (record["gallery"], record["ap"], record["empty"], record["metric"], record["normalise"]) == (
        "full", "trapezoid", "zero", "euclidean", True,
    )  # fmt: skip


def test_score_gives_every_convention_and_leaves_out_what_the_data_set_lacks():
    features = torch.randn(30, 8, generator=torch.Generator().manual_seed(0)).numpy()
    ids, cams = [i % 5 + 1 for i in range(30)], [i % 3 for i in range(30)]
    held = list(range(6))
    labels = (ids[:6], cams[:6], ids, cams)
    assert len(PROTOCOL.score(features[:6], features, *labels, query_in_gallery=held)) == 12
    scores = PROTOCOL.score(features[:6], features, *labels)
    assert len(scores) == 8
    assert scores[PROTOCOL.convention].cmc.shape == (50,)
