from collections import Counter

import pytest

from features.catalogue import BY_NAME, FAMILIES
from training.reason_groups import GROUPS, Group


def test_every_feature_belongs_to_exactly_one_group() -> None:
    assert Counter(name for group in GROUPS for name in group.features) == Counter(dict.fromkeys(BY_NAME, 1))


def test_groups_have_names_of_their_own() -> None:
    names = [group.name for group in GROUPS]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("group", GROUPS, ids=lambda g: g.name)
def test_a_group_belongs_to_a_family_of_the_catalogue(group: Group) -> None:
    assert group.family in FAMILIES
