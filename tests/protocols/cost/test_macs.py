"""MACs by hand, and two independent counters held against each other."""

import pytest
import torch
import torchvision
from torch import nn
from torch.nn import functional

import methods
from protocols.admission import fixed_length
from protocols.cost.macs import count_macs
from protocols.cost.measure import CostInput
from protocols.errors import ProtocolError


class Do(nn.Module):
    """A module out of a function."""

    def __init__(self, function, *parts):
        super().__init__()
        self.parts = nn.ModuleList(parts)
        self.function = function

    def forward(self, *inputs):
        return self.function(*self.parts, *inputs)


def trunk(last_stride=2):
    net = torchvision.models.resnet50(weights=None)
    net.fc = nn.Identity()
    if last_stride == 1:
        net.layer4[0].conv2.stride = net.layer4[0].downsample[0].stride = (1, 1)
    return net


def first(function):
    return lambda part, x: function(part(x))


def non_local(theta, phi, value, out, x):
    weights = (theta(x).transpose(1, 2) @ phi(x)).softmax(dim=-1)  # [B, T, T]
    return x + out(torch.einsum("bct,bst->bcs", value(x), weights))


def pyramid(a, b, c, norm, x):
    return norm(torch.cat([x, a(x), b(x), c(x)], dim=1)).relu().mean(dim=2)


CASES = {
    "linear": (lambda: nn.Linear(6, 5), [(3, 6)], 3 * 6 * 5),
    "conv in groups": (lambda: nn.Conv2d(8, 16, 3, padding=1, groups=4), [(2, 8, 5, 7)], 2 * 16 * 2 * 9 * 35),
    "conv3d": (lambda: nn.Conv3d(3, 4, 3, padding=1), [(1, 3, 4, 5, 6)], 4 * 3 * 27 * 120),
    "transposed conv": (lambda: nn.ConvTranspose2d(4, 2, 2, stride=2), [(1, 4, 3, 3)], 4 * 2 * 4 * 9),
    "matmul": (lambda: Do(torch.matmul), [(2, 3, 4), (2, 4, 5)], 2 * 3 * 4 * 5),
    "bmm": (lambda: Do(torch.bmm), [(2, 3, 4), (2, 4, 5)], 2 * 3 * 4 * 5),
    "baddbmm": (lambda: Do(torch.baddbmm), [(2, 3, 5), (2, 3, 4), (2, 4, 5)], 2 * 3 * 4 * 5),
    "einsum": (lambda: Do(lambda a, b: torch.einsum("btc,bsc->bts", a, b)), [(2, 7, 4), (2, 5, 4)], 2 * 7 * 5 * 4),
    "attention": (lambda: Do(functional.scaled_dot_product_attention), [(2, 4, 16, 8)] * 3, 2 * 4 * 16 * 16 * 16),
    "attention, masked and unscaled, values of another width": (
        lambda: Do(lambda q, k, v, m: functional.scaled_dot_product_attention(q, k, v, attn_mask=m > 0, scale=1.0)),
        [(2, 1, 16, 8), (2, 1, 5, 8), (2, 1, 5, 6), (2, 1, 16, 5)],
        2 * 16 * 5 * (8 + 6),
    ),
    "attention with a mask that is added": (
        lambda: Do(lambda q, k, v, m: functional.scaled_dot_product_attention(q, k, v, attn_mask=m)),
        [(2, 3, 16, 8), (2, 3, 5, 8), (2, 3, 5, 8), (16, 5)],
        2 * 3 * 16 * 5 * (8 + 8),
    ),
    "attention of one query set over many": (
        lambda: Do(functional.scaled_dot_product_attention),
        [(1, 2, 16, 8), (3, 2, 5, 8), (3, 2, 5, 8)],
        3 * 2 * 16 * 5 * (8 + 8),
    ),
    "attention, heads share keys": (
        lambda: Do(lambda q, k, v: functional.scaled_dot_product_attention(q, k, v, enable_gqa=True)),
        [(2, 4, 16, 8), (2, 2, 5, 8), (2, 2, 5, 8)],
        2 * 4 * 16 * 5 * (8 + 8),
    ),
    "attention by hand in three axes": (
        lambda: Do(lambda q, k, v: (q @ k.transpose(1, 2)).softmax(dim=-1) @ v),
        [(2, 16, 8), (2, 5, 8), (2, 5, 6)],
        2 * 16 * 5 * (8 + 6),
    ),
    "matmul, one matrix with many": (lambda: Do(torch.matmul), [(1, 3, 4), (6, 4, 5)], 6 * 3 * 4 * 5),
    "matmul, shared in another axis": (lambda: Do(torch.matmul), [(2, 1, 3, 4), (6, 4, 5)], 2 * 6 * 3 * 4 * 5),
    "vector times matrix": (lambda: Do(torch.matmul), [(4,), (4, 5)], 4 * 5),
    "einsum with dots": (
        lambda: Do(lambda a, b: torch.einsum("...qd,...kd->...qk", a, b)),
        [(2, 3, 7, 4), (3, 5, 4)],
        2 * 3 * 7 * 5 * 4,
    ),
    "cost volume of a clip": (  # every frame against every frame, COSAM's normalised cross correlation
        lambda: Do(lambda x: torch.einsum("btcp,bscq->btspq", x, x)),
        [(2, 4, 16, 6)],
        2 * 4 * 4 * 6 * 6 * 16,
    ),
    "nothing that multiplies": (lambda: Do(lambda x: torch.var_mean(x.relu(), dim=1)[0]), [(2, 6)], 0),
    "multi-head": (
        lambda: Do(lambda m, x: m(x, x, x, need_weights=False)[0], nn.MultiheadAttention(32, 4, batch_first=True)),
        [(2, 9, 32)],
        2 * 9 * 32 * 32 * 4 + 2 * 9 * 9 * 32 * 2,
    ),
    "lstm": (lambda: Do(first(lambda o: o[0]), nn.LSTM(6, 5)), [(7, 2, 6)], 4 * 5 * (6 + 5) * 14),
    "lstm, both directions, two layers": (
        lambda: Do(first(lambda o: o[0]), nn.LSTM(6, 5, 2, bidirectional=True, batch_first=True)),
        [(2, 7, 6)],
        14 * 4 * 5 * 2 * ((6 + 5) + (10 + 5)),
    ),
    "gru": (lambda: Do(first(lambda o: o[0]), nn.GRU(6, 5)), [(7, 2, 6)], 3 * 5 * (6 + 5) * 14),
    "rnn": (lambda: Do(first(lambda o: o[0]), nn.RNN(6, 5)), [(7, 2, 6)], 5 * (6 + 5) * 14),
    "lstm cell": (lambda: Do(first(lambda o: o[0]), nn.LSTMCell(6, 5)), [(3, 6)], 4 * 5 * (6 + 5) * 3),
    "non-local block": (
        lambda: Do(non_local, *(nn.Conv1d(16, 8, 1) for _ in range(3)), nn.Conv1d(8, 16, 1)),
        [(2, 16, 11)],
        2 * 11 * (16 * 8 * 4) + 2 * 11 * 11 * 8 * 2,
    ),
    "dilated pyramid": (
        lambda: Do(
            pyramid, *(nn.Conv1d(8, 8, 3, dilation=r, padding=r, bias=False) for r in (1, 2, 4)), nn.BatchNorm1d(32)
        ),
        [(2, 8, 11)],
        2 * 11 * 3 * 8 * 8 * 3,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_counts_by_hand_and_by_both_counters(name):
    build, shapes, by_hand = CASES[name]
    torch.manual_seed(0)
    model, inputs = build(), tuple(torch.randn(shape) for shape in shapes)
    assert count_macs(model, inputs, "fvcore").macs == by_hand
    assert count_macs(model, inputs, "torch").macs == by_hand
    with torch.device("meta"):
        meta = build()
    assert count_macs(meta, tuple(x.to("meta") for x in inputs), "torch").macs == by_hand


@pytest.mark.parametrize(
    ("last_stride", "size", "by_hand"), [(2, (256, 128), 2_669_150_208), (1, (256, 128), 4_053_270_528)]
)
def test_resnet50_trunk_as_in_the_field(last_stride, size, by_hand):
    with torch.device("meta"):
        meta = trunk(last_stride)
    by_torch = count_macs(meta, (torch.empty(1, 3, *size, device="meta"),), "torch")
    by_fvcore = count_macs(trunk(last_stride), (torch.randn(1, 3, *size),), "fvcore")
    assert by_torch.macs == by_fvcore.macs == pytest.approx(by_hand, rel=2e-6)
    assert by_fvcore.flops == 2 * by_fvcore.macs
    assert set(by_fvcore.by_operation) == {"conv"}


@pytest.mark.parametrize("counter", ["torch", "fvcore"])
@pytest.mark.parametrize(
    ("function", "shapes", "by_hand"),
    [
        (torch.cdist, [(3, 8), (5, 8)], 3 * 5 * 8),
        (torch.cdist, [(30, 8), (50, 8)], 30 * 50 * 8),  # by a matrix product, another kernel
        (lambda a, b: torch.cdist(a, b, p=1), [(2, 3, 8), (2, 5, 8)], 2 * 3 * 5 * 8),
        (torch.matmul, [(7, 3, 8), (8,)], 7 * 3 * 8),
        (torch.matmul, [(8,), (8,)], 8),
        (torch.mv, [(3, 8), (8,)], 3 * 8),
        (torch.addmv, [(3,), (3, 8), (8,)], 3 * 8),
        (torch.addbmm, [(3, 5), (2, 3, 8), (2, 8, 5)], 2 * 3 * 8 * 5),
        (torch.outer, [(3,), (5,)], 0),  # a product of elements, as each with each is
    ],
)
def test_products_that_torch_has_no_formula_for(counter, function, shapes, by_hand):
    assert count_macs(Do(function), tuple(torch.randn(shape) for shape in shapes), counter).macs == by_hand


def test_attention_counts_alike_in_inference_mode():
    attend = Do(lambda q, k, v, m: functional.scaled_dot_product_attention(q, k, v, attn_mask=m))
    shapes = [(2, 1, 16, 8), (2, 1, 5, 8), (2, 1, 5, 6), (16, 5)]
    with torch.inference_mode():
        assert count_macs(attend, tuple(torch.randn(shape) for shape in shapes)).macs == 2 * 16 * 5 * (8 + 6)


@torch.library.custom_op("reproid_tests::product", mutates_args=())
def product(x: torch.Tensor) -> torch.Tensor:
    """A kernel of somebody's own."""
    return x @ x


def deform(x):
    return torchvision.ops.deform_conv2d(x, torch.zeros(2, 18, 8, 8), torch.randn(6, 3, 3, 3), padding=1)


REFUSED = {
    "svd": lambda x: torch.linalg.svd(x)[1],
    "fft": lambda x: torch.fft.rfft(x).real,
    "deform_conv2d": deform,
    "embedding_bag": lambda x: functional.embedding_bag(torch.zeros(2, 3, dtype=torch.long), torch.randn(5, 4)),
    "linalg_inv": torch.linalg.inv,
    "det": torch.linalg.det,
    "eigh": lambda x: torch.linalg.eigh(x)[0],
    "qr": lambda x: torch.linalg.qr(x)[0],
    "cholesky": lambda x: torch.linalg.cholesky(torch.eye(8) + 0 * x),
    "solve": lambda x: torch.linalg.solve(torch.eye(8) + 0 * x, x),
    "solve_triangular": lambda x: torch.linalg.solve_triangular(x, x, upper=True),
    "matrix_exp": torch.linalg.matrix_exp,
    "pinv": torch.linalg.pinv,
    "linear": lambda x: functional.bilinear(x[0, 0], x[0, 1], torch.randn(5, 8, 8)),
    "_sparse_": lambda x: torch.sparse.mm(x[0, 0].to_sparse(), x[0, 0]),
    "_int_mm": lambda x: torch._int_mm(*(torch.ones(32, 32, dtype=torch.int8),) * 2),
    "conv_tbc": lambda x: torch.conv_tbc(x[0], torch.randn(3, 8, 5), torch.zeros(5)),
    "roi_align": lambda x: torchvision.ops.roi_align(x, [torch.tensor([[0.0, 0.0, 4.0, 4.0]])] * 2, 2),
    "product": product,
}


@pytest.mark.parametrize("counter", ["torch", "fvcore"])
@pytest.mark.parametrize("name", REFUSED)
def test_what_neither_counts_nor_is_known_to_be_free_is_refused_by_name_by_both(name, counter):
    with pytest.raises(ProtocolError, match=f"cannot count .*{name}.*: neither counted nor zero by definition"):
        count_macs(Do(REFUSED[name]), (torch.randn(2, 3, 8, 8),), counter)


@torch.jit.script
def thrice(x: torch.Tensor) -> torch.Tensor:
    """A loop that a trace keeps to itself."""
    for _ in range(3):
        x = x @ x
    return x


class Own(torch.autograd.Function):
    """A function with a gradient of its own."""

    @staticmethod
    def forward(ctx, x):
        return x @ x


def test_what_a_trace_hides_is_refused_by_fvcore_and_counted_by_torch():
    for function, macs in ((thrice, 3 * 8**3), (Own.apply, 8**3)):
        with pytest.raises(ProtocolError, match=r"cannot count .*prim::"):
            count_macs(Do(function), (torch.randn(8, 8),), "fvcore")
        assert count_macs(Do(function), (torch.randn(8, 8),), "torch").macs == macs


def test_other_errors_have_their_words():
    with pytest.raises(ProtocolError, match="einsum"):
        many = Do(lambda a, b, c: torch.einsum("ij,jk,kl->il", a, b, c))
        count_macs(many, tuple(torch.randn(3, 3) for _ in range(3)), "fvcore")
    with pytest.raises(ProtocolError, match="choose torch or fvcore"):
        count_macs(nn.Linear(2, 2), (torch.randn(1, 2),), "thop")


@pytest.mark.parametrize("arm", ["gltr/gltr", "cosam/cosam", "tkp/tkp", "adfd/adfd", "vrstc/nl", "baseline/trinet"])
def test_both_counters_agree_on_the_arms(arm):
    paper, name = arm.split("/")
    with torch.random.fork_rng():
        method = methods.arm(name, methods.paper(paper)).build(4, (32, 32)).eval()
    clips = CostInput(method, (32, 32), torch.device("cpu"), fixed_length(method, (32, 32)), None).clips(3)
    assert count_macs(method, clips, "torch").macs == count_macs(method, clips, "fvcore").macs > 0


def test_counting_changes_neither_mode_nor_weights():
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4)).train()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    count_macs(model, (torch.randn(3, 4),))
    assert model.training
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
