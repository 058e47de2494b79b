"""The protocol of repaired data: what it feeds, and that its cosine ranks as unit-length Euclidean distances do."""

import numpy as np

import protocols
from datasets.sampling.snippets import snippets

PROTOCOL = protocols.load("occlusion-repaired")


def test_every_frame_of_a_tracklet_is_fed_once_and_counts_the_same():
    cut = PROTOCOL.feed
    for length in (1, 31, 32, 33, 70):
        clips = snippets(length, cut.length, cut.rest)
        assert sorted(clips.indices[clips.mask].tolist()) == list(range(length))
    assert cut.mean == "frames"


def test_cosine_ranks_as_the_official_protocol_does_on_the_same_descriptors():
    rng = np.random.default_rng(0)
    features = rng.standard_normal((60, 12))
    ids, cams = rng.integers(1, 8, 60), rng.integers(1, 4, 60)
    labels = (ids[:20], cams[:20], ids, cams)
    scores = [p.score(features[:20], features, *labels)[p.convention] for p in (PROTOCOL, official())]
    np.testing.assert_allclose(scores[0].average_precision, scores[1].average_precision, rtol=0, atol=1e-12)
    assert PROTOCOL.convention == official().convention


def test_the_length_of_a_descriptor_does_not_matter():
    rng = np.random.default_rng(1)
    features = rng.standard_normal((30, 6))
    ids, cams = rng.integers(1, 5, 30), rng.integers(1, 3, 30)
    scale = rng.uniform(0.1, 9, (30, 1))
    plain, scaled = (
        PROTOCOL.score(f[:9], f, ids[:9], cams[:9], ids, cams)[PROTOCOL.convention].mAP
        for f in (features, features * scale)
    )
    assert abs(plain - scaled) < 1e-12


def official():
    return protocols.load("res50-rgb-single-pass")
