import re

import numpy as np

from features.simulation.names import company_names


def test_chinese_customers_have_chinese_names_and_others_the_form_of_their_country() -> None:
    region = np.array(["China", "France", "Poland", "Germany North"], dtype=object)
    industry = np.array(["furniture", "machinery", "electronics", "food processing"], dtype=object)
    chinese, french, polish, german = company_names(np.random.default_rng(3), region, industry)
    assert re.fullmatch(r"[\u4e00-\u9fff]{4}家具有限公司", chinese)
    assert re.fullmatch(r"[A-Z][a-z]+ (Maschinenbau|Engineering|Antriebstechnik) (SARL|S\.A\.|SAS)", french)
    assert polish.endswith(("Sp. z o.o.", "S.A.", "Sp. k."))
    assert german.endswith(("GmbH", "GmbH & Co. KG", "AG"))


def test_names_seldom_repeat() -> None:
    region, industry = np.full(2_000, "Benelux", dtype=object), np.full(2_000, "machinery", dtype=object)
    assert len(set(company_names(np.random.default_rng(3), region, industry))) > 1_900
