"""Applications and budgets: strategies for arbitrary ones, and a fixed series of plausible ones."""

from __future__ import annotations

import random

from hypothesis import strategies as st

from frformat.scheduling import App, Budget, Tier

accuracies = st.floats(0, 1).map(lambda value: round(value, 3))
work = st.floats(1e-3, 1.0)
sizes = st.integers(0, 1000)


@st.composite
def applications(draw: st.DrawFn, most: int = 3, tiers: int = 3) -> list[App]:
    """Return one or more applications with distinct names."""
    count = draw(st.integers(1, most))
    names = draw(
        st.lists(
            st.text(st.characters(codec="utf-8"), min_size=1, max_size=3), min_size=count, max_size=count, unique=True
        )
    )
    tier = st.builds(Tier, accuracies, work, sizes)
    return [
        App(
            name,
            tuple(draw(st.lists(tier, min_size=1, max_size=tiers))),
            draw(accuracies),
            draw(work),
            draw(st.floats(0.01, 100)),
        )
        for name in names
    ]


@st.composite
def problems(draw: st.DrawFn, most: int = 3, tiers: int = 3) -> tuple[list[App], Budget]:
    """Return applications and a feasible budget."""
    apps = draw(applications(most, tiers))
    least = sum(min(tier.memory for tier in app.tiers) for app in apps)
    return apps, Budget(least + draw(sizes), draw(st.floats(0.05, 20)))


def plausible(seed: int, count: int = 6, tiers: int = 4) -> tuple[list[App], Budget]:
    """Return applications whose accuracy grows with compute and memory, and a budget between tight and ample."""
    rng = random.Random(seed)
    apps = []
    for number in range(count):
        base = 10 ** rng.uniform(-3, -1)
        scores = sorted(rng.uniform(0.5, 1) for _ in range(tiers))
        works = sorted(base * 10 ** rng.uniform(0, 1.2) for _ in range(tiers))
        memory = sorted(int(1e4 * 10 ** rng.uniform(0, 1.5)) for _ in range(tiers))
        profile = tuple(Tier(*each) for each in zip(scores, works, memory, strict=True))
        rate = rng.choice([5, 10, 15, 30])
        apps.append(App(f"app {number}", profile, rng.uniform(0.6, 1), 1 / rate, 10 ** rng.uniform(-1, 1.5)))
    low = sum(app.tiers[0].memory for app in apps)
    high = sum(app.tiers[-1].memory for app in apps)
    return apps, Budget(rng.randint(low, high), 10 ** rng.uniform(-0.5, 1.5))
