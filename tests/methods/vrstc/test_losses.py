"""STCnet's losses: the game, whose gradient goes where, what is hidden, what each network is shown."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import methods
from methods.vrstc.discriminator import discriminators_loss, generators_loss
from methods.vrstc.pixel_range import to_normalised, to_unit
from methods.vrstc.stcnet import STCNet, middle

IDS = 5


def stcnet(size: tuple[int, int] = (32, 16), **options: object) -> STCNet:
    torch.manual_seed(0)
    return methods.create(
        "vrstc", IDS, frame_size=size, **{"network": "stcnet", "depth": 18, "width": 4, **options}
    ).eval()


def only(generator: str, **options: object) -> STCNet:
    return stcnet(generator=generator, local_d=False, global_d=False, identity=False, **options)


def batch(lengths: tuple[int, ...] = (3, 3, 3, 3), size: tuple[int, int] = (32, 16)) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    mask = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    return torch.randn(*mask.shape, 3, *size, generator=generator), mask, torch.arange(len(lengths)) % IDS


def test_the_game_is_that_of_probabilities() -> None:
    real, fake = torch.tensor([2.0, -1.0]), torch.tensor([0.5, -3.0])
    d_real, d_fake = real.sigmoid(), fake.sigmoid()
    torch.testing.assert_close(discriminators_loss(real, fake), -(d_real.log() + (1 - d_fake).log()).mean())
    torch.testing.assert_close(generators_loss(fake, "minimax"), (1 - d_fake).log().mean())
    torch.testing.assert_close(generators_loss(fake, "non-saturating"), -d_fake.log().mean())
    assert discriminators_loss(torch.tensor([500.0]), torch.tensor([-500.0])) == 0  # and not NaN


def test_the_middle_of_a_clip() -> None:
    mask = torch.tensor([[1, 1, 1, 0], [1, 1, 0, 0], [1, 0, 0, 0], [1, 1, 1, 1], [0, 1, 1, 1]], dtype=torch.bool)
    assert middle(mask).tolist() == [1, 0, 0, 1, 2]


def reached(network: STCNet, *wanted: str) -> set[str]:
    """Parts of the network that a backward pass of some losses gives a gradient."""
    for parameter in network.parameters():
        parameter.requires_grad_(True)  # whatever a recipe trains
        parameter.grad = None
    sum(network.train().losses(*batch(), wanted).values()).backward()
    return {
        name.split(".")[0]
        for name, parameter in network.named_parameters()
        if parameter.grad is not None and bool(parameter.grad.any())
    }


def test_whose_gradient_goes_where() -> None:
    network = stcnet()
    for loss in ("reconstruction", "adversarial", "identity"):
        assert reached(network, loss) == {"spatial", "temporal"}, loss
    assert reached(network, "discriminate") == {"discriminators"}
    assert reached(network, "reconstruction", "adversarial", "identity") == {"spatial", "temporal"}
    assert reached(only("spa"), "reconstruction") == {"spatial"}


def test_detached_the_second_generators_losses_stop_before_the_first() -> None:
    network = stcnet(detach=True)
    assert reached(network, "adversarial", "identity") == {"temporal"}
    assert reached(network, "reconstruction") == {"spatial", "temporal"}  # |x - x1| is its own


def test_the_guider_never_learns_and_stays_in_eval_mode() -> None:
    network = stcnet()
    assert not any(p.requires_grad for p in network.guider.parameters())
    before = {key: value.clone() for key, value in network.guider.state_dict().items()}
    assert not any(module.training for module in network.train().guider.modules())
    assert network.spatial.training
    assert reached(network, "identity") == {"spatial", "temporal"}
    assert all(torch.equal(value, before[key]) for key, value in network.guider.state_dict().items())


def test_the_guider_judges_normalised_frames_one_by_one() -> None:
    network = stcnet(guider_size=64)
    seen: list[Tensor] = []
    network.guider.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    torch.manual_seed(3)
    found = network.losses(*batch(), ("identity",))["identity"]
    assert seen[0].shape == (4, 3, 64, 32)
    expected = functional.cross_entropy(network.guider(seen[0]), batch()[2])
    torch.testing.assert_close(found, expected)
    same = stcnet()
    same.guider.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    torch.manual_seed(3)
    same.losses(*batch(), ("identity",))
    frame = batch()[0][:, 1]  # the middle one, seen through the guider's eyes outside of its region
    assert seen[-1].shape == frame.shape
    assert 0.6 < torch.isclose(seen[-1], frame, atol=1e-5).float().mean() < 0.7


@pytest.mark.parametrize(
    ("frames", "asked", "seen"),
    [((128, 64), {}, (256, 128)), ((64, 32), {}, (64, 32)), ((128, 64), {"guider_size": 0}, (128, 64))],
)
def test_the_guider_sees_what_it_was_trained_on(
    frames: tuple[int, int], asked: dict[str, object], seen: tuple[int, int]
) -> None:
    """R is a network for 256 x 128 (the paper's profile); in the embedded one frames and R are both 64 x 32."""
    network = stcnet(size=frames, **asked)
    shapes = []
    network.guider.register_forward_pre_hook(lambda _, inputs: shapes.append(tuple(inputs[0].shape[2:])))
    clips = torch.randn(2, 3, 3, *frames, generator=torch.Generator().manual_seed(0))
    network.losses(clips, torch.ones(2, 3, dtype=torch.bool), torch.tensor([0, 1]), ("identity",))
    assert shapes == [seen]


def test_every_generator_with_a_guider_is_made_for_the_papers_sizes() -> None:
    card = methods.paper("vrstc")
    guided = [name for name, entry in card.arms.items() if entry.options.get("identity")]
    assert len(guided) == 4
    for name in guided:
        arm = methods.arm(name, card)
        assert card.recipe(arm.recipe, "paper").size == (128, 64)
        assert arm.settings()["guider_size"] == "auto"
    assert card.recipe(card.arms["baseline"].recipe, "paper").size == (256, 128)


@torch.no_grad()
def test_one_seed_hides_the_same_regions_and_another_does_not() -> None:
    network, values = stcnet(), []
    for seed in (7, 7, 8):
        torch.manual_seed(seed)
        values.append(float(network.losses(*batch(), ("reconstruction",))["reconstruction"]))
    assert values[0] == values[1] != values[2]


@torch.no_grad()
def test_both_turns_of_a_step_see_the_same_completions() -> None:
    network = stcnet()
    seen: dict[str, list[Tensor]] = {"discriminate": [], "adversarial": []}
    for name, heard in seen.items():
        hook = network.discriminators["global"].register_forward_pre_hook(
            lambda _, inputs, heard=heard: heard.append(inputs[0])
        )
        torch.manual_seed(5)
        network.losses(*batch(), (name,))
        hook.remove()
    assert torch.equal(seen["discriminate"][1], seen["adversarial"][0])
    assert torch.equal(seen["discriminate"][0], to_unit(batch()[0][:, 1]))  # the frame as it is


@torch.no_grad()
def test_each_region_is_hidden_about_as_often() -> None:
    network, hidden = only("spa", width=1), []
    network.spatial.register_forward_pre_hook(lambda _, inputs: hidden.append((inputs[0] == 0).all(dim=1)))
    clips = torch.rand(300, 1, 3, 33, 16) + 1
    torch.manual_seed(0)
    network.losses(clips, torch.ones(300, 1, dtype=torch.bool), torch.zeros(300).long(), ("reconstruction",))
    rows = hidden[0].all(dim=2)  # [300, 33]
    assert rows.sum(dim=1).tolist() == [11] * 300
    assert all(80 < int(rows[:, start].sum()) < 120 for start in (0, 11, 22))


@torch.no_grad()
def test_reconstruction_is_counted_as_stated() -> None:
    torch.manual_seed(5)
    mean = stcnet().losses(*batch(), ("reconstruction",))["reconstruction"]
    torch.manual_seed(5)
    whole = stcnet(reconstruction="sum").losses(*batch(), ("reconstruction",))["reconstruction"]
    torch.testing.assert_close(whole, mean * 3 * 32 * 16)
    network = stcnet()
    for part in (network.spatial, network.temporal):
        nn.init.zeros_(part.decoder[-2].weight)  # both paint mid-grey
    clips, mask, labels = batch()
    clips = to_normalised(torch.full_like(clips, 0.5))
    # A third of the rows, 10 or 11 of 32, is wrong by 0.5 in both completions.
    found = float(network.losses(clips, mask, labels, ("reconstruction",))["reconstruction"])
    assert 2 * 0.5 * 10 / 32 - 1e-6 < found < 2 * 0.5 * 11 / 32 + 1e-6


@torch.no_grad()
@pytest.mark.parametrize(("local_input", "rows"), [("masked", 32), ("crop", 11)])
def test_what_the_local_discriminator_is_shown(local_input: str, rows: int) -> None:
    network = stcnet(global_d=False, local_input=local_input)
    shown: list[Tensor] = []
    network.discriminators["local"].register_forward_pre_hook(lambda _, inputs: shown.append(inputs[0]))
    network.losses(*batch(), ("discriminate",))
    assert [image.shape for image in shown] == [(4, 3, rows, 16)] * 2
    seen = (shown[0] != 0).any(dim=(1, 3)).sum(dim=1)
    assert set(seen.tolist()) <= {10, 11}


@pytest.mark.parametrize(
    ("options", "loss", "message"),
    [
        ({"local_d": False, "global_d": False}, "adversarial", "set local_d or global_d on"),
        ({"local_d": False, "global_d": False}, "discriminate", "set local_d or global_d on"),
        ({"identity": False}, "identity", "set identity = on"),
    ],
)
def test_a_loss_without_its_network_is_named(options: dict[str, object], loss: str, message: str) -> None:
    with pytest.raises(methods.MethodError, match=message):
        stcnet(**options).losses(*batch(), (loss,))


@torch.no_grad()
def test_a_lone_frame_is_no_neighbour_of_its_own() -> None:
    """Clips of one frame: what is hidden must not be seen through a neighbour that is the frame itself."""
    network = stcnet()
    clips, mask, labels = batch((1, 1))
    given: list[tuple[Tensor, ...]] = []
    network.temporal.register_forward_pre_hook(lambda _, inputs: given.append(inputs))
    torch.manual_seed(0)
    network.losses(clips, mask, labels, ("reconstruction",))
    frames, before, after = given[0]
    assert torch.equal(frames, before)
    assert torch.equal(frames, after)
    assert not torch.allclose(frames, to_unit(clips[:, 0]))


def test_a_descriptor_is_the_guiders_whatever_the_generators_are() -> None:
    network, (clips, mask, _) = stcnet(), batch((3, 2))
    plain = methods.create("vrstc", IDS, network="plain", depth=18).eval()
    plain.trunk.load_state_dict(network.guider.trunk.state_dict())
    with torch.no_grad():
        torch.testing.assert_close(network(clips, mask), plain(clips, mask))
