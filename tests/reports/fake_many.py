"""A store of several papers whose effects are known, with everything that reports across papers have to keep apart.

``alpha`` and ``beta`` were run on the same queries under the same protocol, so their arms stand in one table; ``alpha``
was run under another protocol and with a quick budget too.
"""

from typing import Any

import numpy as np

from tests.reports import fake

SNIPPETS: dict[str, Any] = fake.PROTOCOL | {
    "name": "rgb-snippets", "test_frames": "snippets", "snippets": {"length": 4, "rest": "loop", "mean": "clips"},
}  # fmt: skip
SINGLE = fake.PROTOCOL["name"]
CHECKS = [
    {"name": "rgb", "passed": True, "detail": "the first convolution reads 3 channels"},
    {"name": "resnet50", "passed": True, "detail": "one ResNet-50 of 23,508,032 parameters"},
    {"name": "single-pass", "passed": True, "detail": "descriptors do not depend on batch mates"},
    {"name": "whole-sequence", "passed": True, "detail": "lengths 1, 2, 7, 33 pass"},
]
ALPHA: dict[tuple[str, str | None, str | None], float] = {
    ("mean", None, None): 0.0,
    ("alpha", None, None): 0.9,
    ("alpha", "shuffled", "alpha"): 0.2,
    ("alpha", "mlp", "alpha"): 0.15,
    ("alpha", "uniform", "alpha"): 0.1,
    ("colour", "colour", None): -1.6,
}
BETA: dict[tuple[str, str | None, str | None], float] = {
    ("start", None, None): 0.02,
    ("beta", None, None): 0.45,
    ("colour", "colour", None): -1.6,
}
LABELS = {"mean": "Mean over frames", "start": "Start", "alpha": "Alpha", "beta": "Beta", "colour": "Stripe colours"}


def card(paper: str, venue: str = "ICCV") -> dict[str, Any]:
    """A card with claims under two protocols, one about an arm that is never run, and one of equality."""
    base = "mean" if paper == "alpha" else "start"
    convention = {"gallery": "full", "ap": "trapezoid", "metric": "euclidean"}
    common = {"arm": paper, "against": base, "source": "Table 2"}
    return {
        "paper": {"key": paper, "title": f"{paper.capitalize()} for Video Person Re-Identification",
                  "authors": ["A. Author"], "venue": venue, "year": 2019},
        "constraints": {"backbone": "resnet50", "rgb_only": True, "single_pass": True, "protocol": SINGLE},
        "arms": {
            base: {"label": LABELS[base], "role": "baseline"},
            paper: {"label": LABELS[paper], "role": "proposed", "temporal": True},
            "deeper": {"label": "Deeper", "role": "ablation"},
        },
        "published": [
            {"arm": arm, "dataset": "mars", "metric": metric, "value": value, "source": "Table 2",
             "convention": convention}
            for arm, pair in ((base, (70.0, 80.0)), (paper, (78.0, 86.5)))
            for metric, value in zip(("mAP", "rank1"), pair, strict=True)
        ],
        "context": [{"method": "ASTPN", "dataset": "mars", "metric": "rank1", "value": 44.0, "source": "Table 5",
                     "note": "own backbone"}],
        "claims": [
            common | {"id": "beats", "text": f"{paper.capitalize()} beats the mean.", "metric": "mAP",
                      "temporal": paper == "alpha", "published": [{"dataset": "mars", "margin": 8.0}]},
            common | {"id": "in-snippets", "text": "It beats the mean on snippets.", "metric": "rank1",
                      "protocol": SNIPPETS["name"], "published": [{"dataset": "mars", "margin": 4.0}]},
            common | {"id": "deeper", "text": "Going deeper helps more.", "arm": "deeper", "metric": "rank1"},
            common | {"id": "abroad", "text": "It holds on other sides.", "protocol": "image-to-video-ilids"},
        ],
    }  # fmt: skip


def begin(
    store: Any,
    paper: str,
    protocol: dict[str, Any],
    profile: str,
    budget: str,
    dataset: dict[str, Any],
    changes: dict[str, str] | None = None,
) -> str:
    """Open a job; gives the parent's run id."""
    found: str = store.begin(
        card(paper),
        dataset,
        protocol,
        profile,
        command(paper, protocol, budget),
        fake.ENVIRONMENT,
        budget=budget,
        changes=changes,
    )
    return found


def command(paper: str, protocol: dict[str, Any], budget: str = "full") -> str:
    """The command that makes such a job again."""
    return f"python -m runners.reproduce --paper {paper} --protocol {protocol['name']} --budget {budget}"


def job(
    store: Any,
    paper: str,
    effects: dict[tuple[str, str | None, str | None], float],
    *,
    protocol: dict[str, Any] = fake.PROTOCOL,
    seeds: dict[str, tuple[int, ...]] | None = None,
    profile: str = "embedded",
    budget: str = "full",
    size: tuple[int, int] = (64, 32),
    dataset: dict[str, Any] = fake.DATASET,
    finish: bool = True,
    more: dict[str, Any] | None = None,
    changes: dict[str, str] | None = None,
) -> str:
    """Record one job through the real writer; gives the parent's run id.

    Args:
        store: open for writing.
        paper: ``alpha`` or ``beta``.
        effects: (arm, control, of) -> gain in logits.
        seeds: of some arms; the others have 0 and 1, and the colour row 0.
        protocol, profile, budget, size, dataset: what strata differ by.
        finish: whether to close the job.
        more: keys of every result that replace others.
        changes: what options change for every arm of a variant.
    """
    parent = begin(store, paper, protocol, profile, budget, dataset, changes)
    for (arm, control, of), gain in effects.items():
        for seed in (seeds or {}).get(arm, (0,) if control == "colour" else (0, 1)):
            name = "colour" if control == "colour" else f"{paper}{arm}{control}"
            arrays = fake.per_query(gain, seed, name)
            result = fake.result(arm, control, of, seed, arrays) | {
                "paper": paper, "label": LABELS[arm], "protocol": protocol, "profile": profile, "budget": budget,
                "size": list(size), "dataset": dataset, "command": command(paper, protocol, budget),
                "admission": {"admitted": True, "checks": [] if control == "colour" else CHECKS},
                "fingerprint": f"{paper}-{arm}-{control}-{seed}-{protocol['name']}-{profile}-{budget}-{size[0]}",
            } | (more or {})  # fmt: skip
            store.record_arm(parent, result, arrays, None, [])
    if finish:
        store.finish(parent, {"arms": len(effects)})
    return parent


def write(store: Any) -> dict[str, str]:
    """The whole store; gives the parents' run ids by what they are."""
    one = {"mean": (0,), "alpha": (0,), "start": (0,)}
    snippets = {key: gain for key, gain in ALPHA.items() if key[1] in (None, "colour")}
    return {
        "alpha": job(store, "alpha", ALPHA),
        "beta": job(store, "beta", BETA, seeds={"beta": (1, 2)}),
        "alpha in snippets": job(store, "alpha", snippets, protocol=SNIPPETS, seeds=one),
        "alpha, quick": job(store, "alpha", snippets, budget="quick", seeds=one),
        "beta, unfinished": job(
            store, "beta", {("start", None, None): 0.0}, protocol=SNIPPETS, seeds=one, finish=False
        ),
    }


def mean_difference(gain: float, against: float, paper: str, arm: str, base: str, seeds: tuple[int, ...]) -> float:
    """What the drawn queries differ by on average in mAP, straight from the arrays."""
    found = [
        fake.per_query(gain, seed, f"{paper}{arm}None")["average_precision"].mean()
        - fake.per_query(against, seed, f"{paper}{base}None")["average_precision"].mean()
        for seed in seeds
    ]
    return float(np.mean(found))
