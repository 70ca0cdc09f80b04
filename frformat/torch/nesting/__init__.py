"""Nested networks: tiers with fewer filters, after B. Fang, X. Zeng and M. Zhang, "NestDNN", MobiCom 2018.

:func:`frformat.torch.nest` runs the whole procedure; this package contains its parts. The filters of a network are
ranked and removed in several stages, and the network is trained after each of them. The smallest network that is
accurate enough is the seed. It is frozen, and the filters are added to it again in the same stages; only the new ones
are trained, and the biases, of which each tier has its own. The weights of every tier therefore contain those of all
smaller ones, bit for bit.
"""

from frformat.torch.nesting.discovery import filter_groups
from frformat.torch.nesting.filters import FilterGroup, Member, permute
from frformat.torch.nesting.freezing import growing
from frformat.torch.nesting.offline import SeedError, Stage, nest
from frformat.torch.nesting.profile import Profile, profile
from frformat.torch.nesting.ranking import Ranking, at_random, l1, triplet_response, triplets
from frformat.torch.nesting.structure import descendant, load_nested, make_nested, widths

__all__ = [
    "FilterGroup",
    "Member",
    "Profile",
    "Ranking",
    "SeedError",
    "Stage",
    "at_random",
    "descendant",
    "filter_groups",
    "growing",
    "l1",
    "load_nested",
    "make_nested",
    "nest",
    "permute",
    "profile",
    "triplet_response",
    "triplets",
    "widths",
]
