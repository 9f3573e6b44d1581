"""Which features say one thing together, and the sentences they are told in: one module a part of the business."""

from training.reason_groups import buying, paying, peers, relationship, spending
from training.reason_groups.group import Group

GROUPS: tuple[Group, ...] = (
    *buying.GROUPS,
    *spending.GROUPS,
    *paying.GROUPS,
    *relationship.GROUPS,
    *peers.GROUPS,
)

__all__ = ["GROUPS", "Group"]
