"""How much of the customer base stands aside as controls, and how often a campaign is looked at: a part of the playbook."""

from typing import Annotated

from pydantic import Field

from serving.decisions.fields import Strict

ControlShare = Annotated[float, Field(ge=0, lt=1)]


class ExperimentPolicy(Strict):
    """``permanent_control_share`` of the customers are never treated; of the others ``campaign_control_share`` in a campaign.

    ``salt`` decides who: another salt draws anew, which ends what the old controls could prove. ``looks`` are planned for
    each campaign.
    """

    permanent_control_share: ControlShare = 0.05
    campaign_control_share: ControlShare = 0.2
    salt: str = "retinue"
    looks: int = Field(8, ge=1, le=100)
