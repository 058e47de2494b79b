"""Rendering styles: the street is what it was, the hall shows the same people elsewhere, and only the look differs."""

import hashlib
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import simplejpeg

import datasets
from datasets import synthwalk
from datasets.errors import DataError
from datasets.synthwalk import contact_sheet, presets, truth
from datasets.synthwalk.renderer import tracklet
from datasets.synthwalk.scenes import props
from datasets.synthwalk.world import population
from datasets.synthwalk.world.styles import DEFAULT, STYLES, faded
from runners.data import main

STREET = presets.preset("tiny", seed=7, height=32, width=16, train_ids=4, test_ids=6, distractors=2, junk=2)
HALL = replace(STREET, style="hall")

BEFORE_THERE_WERE_STYLES = {
    "pixels": "1a006138e53aac7f94710f0e9b002bce",
    "fingerprint": "d40b93f0032a354b2046e5e2f091c654",
    "fingerprint of the default world": "912cfca4cac2c78c832957a318395d64",
}
"""Of the renderer of version 1, with the JPEG encoder simplejpeg 1.9.0. The default world was SynthWalk 1."""

DEFAULTS = {"embedded": "dd0f7d7d36b7aac5a06f77736e9521cc", "embedded-1": "9bbd983ec4d705fbf51814b27927242c"}
"""Fingerprints of SynthWalk 2 and 1 of the renderer of version 2, with the same encoder."""


@pytest.fixture(scope="module")
def shots() -> dict[str, dict[str, tracklet.Shot]]:
    """All tracklets of both worlds, by style and key."""
    found = {}
    for world in (STREET, HALL):
        studio = tracklet.open_studio(world)
        found[world.style] = {
            track.key: tracklet.render_tracklet(studio, track) for track in population.populate(world).tracks
        }
    return found


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Both worlds on disk."""
    folder = tmp_path_factory.mktemp("styles")
    return {world.style: synthwalk.render(world, folder / world.style, workers=2) for world in (STREET, HALL)}


def test_the_street_has_the_pixels_that_it_had(shots: dict[str, dict[str, tracklet.Shot]]) -> None:
    digest = hashlib.sha256()
    for shot in shots["street"].values():
        for array in (shot.frames, shot.twins, shot.labels, shot.occluders):
            digest.update(array.tobytes())
    assert digest.hexdigest()[:32] == BEFORE_THERE_WERE_STYLES["pixels"]


def test_the_street_has_the_fingerprint_that_it_had_but_for_the_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presets, "encoder", lambda: "simplejpeg 1.9.0")
    first, default = replace(STREET, version="1"), replace(presets.preset("embedded-1"), version="1")
    assert presets.fingerprint(first) == BEFORE_THERE_WERE_STYLES["fingerprint"] != presets.fingerprint(STREET)
    assert presets.fingerprint(default) == BEFORE_THERE_WERE_STYLES["fingerprint of the default world"]
    assert {name: presets.fingerprint(presets.preset(name)) for name in DEFAULTS} == DEFAULTS
    assert presets.fingerprint(HALL) != presets.fingerprint(STREET)
    assert presets.parameters(HALL) == {**presets.parameters(STREET), "style": "hall"}


def test_manifests_name_the_style_where_it_is_not_the_street_and_all_codes(roots: dict[str, Path]) -> None:
    street, hall = (truth.read_json(roots[style], "manifest") for style in ("street", "hall"))
    assert "style" not in street["parameters"]
    assert hall["parameters"]["style"] == "hall"
    assert street["occluders"] == list(props.OCCLUDERS[:10])
    split = datasets.load("synthwalk", roots["hall"])
    seen = {
        int(code) for t in split.train + split.test for code in np.unique(truth.load_truth(split.root, t.key).occluders)
    }
    assert len(seen) > 3
    shown = {kind for kind, _ in STYLES["hall"].in_front} | {"none"}
    assert {hall["occluders"][code] for code in seen} <= shown


def test_the_hall_differs_in_every_frame(shots: dict[str, dict[str, tracklet.Shot]]) -> None:
    assert shots["street"].keys() == shots["hall"].keys()
    for key, street in shots["street"].items():
        hall = shots["hall"][key]
        assert street.frames.shape == hall.frames.shape
        different = np.abs(street.frames.astype(int) - hall.frames).mean(axis=(1, 2, 3))
        assert (different > 20).all()


def test_the_same_people_wear_the_same_things(roots: dict[str, Path]) -> None:
    for name in ("truth/identities.csv", "truth/gait.json", "truth/groups.json", "info/train_name.txt"):
        assert (roots["street"] / name).read_bytes() == (roots["hall"] / name).read_bytes()
    street, hall = (
        [line.split(",") for line in (roots[style] / "truth" / "attributes.csv").read_text().splitlines()]
        for style in ("street", "hall")
    )
    of_view = {truth.ATTRIBUTE_COLUMNS.index(name) for name in ("pose", "occlusion")}
    for one, other in zip(street, hall, strict=True):
        assert all(a == b for at, (a, b) in enumerate(zip(one, other, strict=True)) if at not in of_view)
    split = datasets.load("synthwalk", roots["hall"])
    assert split.counts() == datasets.load("synthwalk", roots["street"]).counts()
    assert split.fingerprint == synthwalk.fingerprint(HALL)


def test_there_is_a_gap_of_light_colour_and_sharpness(shots: dict[str, dict[str, tracklet.Shot]]) -> None:
    measured = {}
    for style, each in shots.items():
        frames = np.concatenate([shot.frames for shot in each.values()]).astype(np.float64)
        body = np.concatenate([shot.labels for shot in each.values()]) > 0
        measured[style] = {
            "light": frames.mean(),
            "warmth": (frames[..., 0] - frames[..., 2]).mean(),
            "darkest": np.percentile(frames, 1),
            "person against background": frames[~body].mean() - frames[body].mean(),
            "size of the person": body.mean(),
            "view from above": np.concatenate([shot.walk.elevation for shot in each.values()]).mean(),
        }
    street, hall = measured["street"], measured["hall"]
    assert hall["light"] > street["light"] + 20
    assert hall["warmth"] > street["warmth"] + 10
    assert hall["darkest"] > street["darkest"] + 15
    assert hall["size of the person"] < street["size of the person"]
    assert hall["view from above"] > street["view from above"] + 0.08
    for one in measured.values():  # and yet both show people before something else
        assert one["person against background"] > 10
        assert 0.2 < one["size of the person"] < 0.6


def test_a_style_is_deterministic_whatever_the_workers(roots: dict[str, Path], tmp_path: Path) -> None:
    again = synthwalk.render(HALL, tmp_path / "again", workers=3)
    first, second = (json.loads((root / "truth" / "manifest.json").read_text()) for root in (roots["hall"], again))
    assert first == second


def test_twins_hold_in_the_hall_too(shots: dict[str, dict[str, tracklet.Shot]]) -> None:
    touched = 0
    for shot in shots["hall"].values():
        for frame, twin, mask, is_touched in zip(shot.frames, shot.twins, shot.occluders, shot.touched, strict=True):
            assert np.array_equal(frame, twin) or is_touched
            touched += int(is_touched)
            if (mask > 0).any():
                assert (frame != twin).any(axis=2)[mask > 0].mean() > 0.5
    assert touched > 20


def test_every_style_names_the_same_colours_and_dyes_them_otherwise() -> None:
    street = STYLES[DEFAULT].dyes
    for name, style in STYLES.items():
        for kind in ("tops", "bottoms"):
            mine, theirs = getattr(style.dyes, kind), getattr(street, kind)
            assert [colour for colour, _ in mine] == [colour for colour, _ in theirs]
            differ = [a != b for (_, a), (_, b) in zip(mine, theirs, strict=True)]
            assert all(differ) if name != DEFAULT else not any(differ)
        for kind in ("skins", "hairs", "bags", "shoes", "logos"):
            assert len(getattr(style.dyes, kind)) == len(getattr(street, kind))
        for odds in (style.furniture, style.in_front):
            assert sum(share for _, share in odds) == pytest.approx(1.0)
            assert {kind for kind, _ in odds} <= set(props.OCCLUDERS)


def test_full_saturation_changes_no_bit_and_none_leaves_grey() -> None:
    colours = np.random.default_rng(1).random((50, 3))
    assert np.array_equal(faded(colours, 1.0), colours)
    assert faded(colours, 0.0) == pytest.approx(np.repeat(colours.mean(axis=1, keepdims=True), 3, axis=1))


@pytest.mark.parametrize("style", ["mall", "", 3])
def test_an_unknown_style_is_one_sentence_that_names_what_there_is(style: object, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"style is .*, but there are: street, hall\.$") as caught:
        presets.preset("tiny", style=style)
    assert "\n" not in str(caught.value)


def test_the_command_takes_a_style(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = ["--preset", "tiny", "--size", "32x16", "--set", "train_ids=2", "--set", "test_ids=2"]
    assert main(["render", str(tmp_path / "hall"), *small, "--set", "style=hall"]) == 0
    assert truth.read_json(tmp_path / "hall", "manifest")["parameters"]["style"] == "hall"
    capsys.readouterr()
    assert main(["render", str(tmp_path / "never"), *small, "--set", "style=mall"]) == 2
    assert "there are: street, hall" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["render", str(tmp_path / "never"), "--set", "test_ids=some"])
    assert "not NAME=NUMBER" in capsys.readouterr().err
    assert not (tmp_path / "never").exists()


def test_attribute_source_shows_many_people_briefly_elsewhere() -> None:
    world, default = presets.preset("attribute-source"), presets.preset("embedded")
    assert world.style != default.style
    assert world.seed != default.seed
    assert world.seed < 101, "tuning seeds stay for tuning"
    assert (world.height, world.width) == (default.height, default.width)
    people = population.populate(world)
    assert 2_500 <= sum(track.length for track in people.tracks) <= 3_500
    assert np.median([track.length for track in people.tracks]) <= 5
    assert people.queries, "the MARS reader wants queries"
    for half, least in (("train", 300), ("test", 80)):
        looks = [who.look for who in people.identities if who.half == half]
        assert len(looks) >= least
        assert len(Counter(look.outfit.top_colour for look in looks)) == default.top_colours
        assert len(Counter(look.outfit.bottom_colour for look in looks)) == default.bottom_colours
        for worn in ("hat", "backpack", "shoulder_bag", "hand_bag", "glasses", "beard"):
            assert 0.05 < np.mean([getattr(look.details, worn) for look in looks]) < 0.5


def test_a_sheet_can_be_drawn_of_a_world_without_groups(tmp_path: Path) -> None:
    world = replace(HALL, motion_share=0.0, lookalike_share=0.0, test_ids=4, train_ids=1)
    sheet = contact_sheet.contact_sheet(synthwalk.render(world, tmp_path / "plain"))
    assert sheet.std() > 10
    assert simplejpeg.encode_jpeg(sheet)
