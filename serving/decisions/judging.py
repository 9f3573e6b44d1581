"""The action that churn models are compared by in money: the first of the playbook against leaving."""

from features.project import Project
from serving.decisions.playbook import Playbook
from training.evaluation.profit import DecisionCosts
from training.judgement import USUAL_COSTS


def judging_costs(project: Project, playbook: Playbook) -> DecisionCosts:
    """Cost and believed effect of the playbook's first action against churn; a usual call where it has none."""
    for action in playbook.actions:
        if action.effect.kind == "churn":
            return DecisionCosts(
                contact=action.cost,
                effect=action.effect.mean,
                discount_share=action.cost_share_of_spend,
                margin_share=project.value.margin_share,
            )
    return USUAL_COSTS
