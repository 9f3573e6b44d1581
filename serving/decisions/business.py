"""What kind of business a project is, as far as its file tells; which built-in playbook fits, then."""

from features.project import BusinessName, Project
from features.text import Text

NAMES: dict[BusinessName, Text] = {
    "trade": Text("trade with companies, on invoice", "面向企业、赊销的贸易"),
    "retail": Text("retail, without credit", "零售（无赊销）"),
    "contract": Text("business under contracts", "合同制业务"),
}

_OF_COMPANIES = {"account_manager", "credit_limit", "industry"}
"""Columns of customers that a company has whose customers are companies."""
_ON_CREDIT = {"invoices", "payments", "financials"}
"""Tables that only who sells on credit has."""


def business_of(project: Project) -> BusinessName:
    """The kind that [playbook] built_in says; else contract where leaving means that a contract ends, trade where there is
    credit or customers are companies, and retail where there is neither.
    """
    if project.playbook is not None and project.playbook.built_in is not None:
        return project.playbook.built_in
    if project.churn.kind == "contract":
        return "contract"
    told_of_customers = project.tables["customers"].columns.keys() if "customers" in project.tables else set()
    return "trade" if project.tables.keys() & _ON_CREDIT or told_of_customers & _OF_COMPANIES else "retail"


def playbook_said(project: Project) -> Text:
    """Which playbook a project works with, in a sentence."""
    if project.playbook is not None and project.playbook.path is not None:
        return _OWN.format(path=project.playbook.path)
    return _BUILT_IN.format(name=NAMES[business_of(project)])


_OWN = Text("Playbook: {path}.", "行动手册：{path}。")
_BUILT_IN = Text(
    "Playbook: the built-in one for {name}; [playbook] in the project file names another.",
    "行动手册：内置的“{name}”手册；可在项目文件的 [playbook] 中另行指定。",
)
