"""Choose which tier each of several applications runs, and with what share of the device.

Models with tiers trade accuracy for compute. If applications share a device, each gets the tier and the share of
compute that together cost least, as proposed by B. Fang, X. Zeng and M. Zhang, "NestDNN: Resource-Aware Multi-Tenant
On-Device Deep Learning for Continuous Mobile Vision", MobiCom 2018, https://arxiv.org/abs/1810.10090.
``docs/scheduling.md`` defines the choice bit for bit, so this package and the Kotlin library always agree.

>>> camera = App("camera", (Tier(0.90, 2e6, 40_000), Tier(0.98, 9e6, 90_000)), accuracy=0.95, latency=1 / 30)
>>> plan = choose_tiers([camera, other], Budget(memory=1_000_000, speed=1e9))
>>> plan["camera"].tier, plan["camera"].share
"""

from frformat.scheduling.choose import EXACT_COMBINATIONS, choose_tiers
from frformat.scheduling.plan import Choice, Plan
from frformat.scheduling.problem import App, Budget, InfeasibleBudget, Objective, Tier

__all__ = [
    "EXACT_COMBINATIONS",
    "App",
    "Budget",
    "Choice",
    "InfeasibleBudget",
    "Objective",
    "Plan",
    "Tier",
    "choose_tiers",
]
