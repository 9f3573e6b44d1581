"""A churn model made ready to score one row at a time: its boosted trees as an ONNX graph, the rest as it is.

XGBoost takes a quarter of a millisecond to predict one row, most of it to look at the frame; onnxruntime walks the same
trees in a few hundredths of one. Both compare in float32 and add up in float32, so that they agree to rounding; the
model's golden rows are predicted again before it is used.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
import xgboost as xgb
from numpy.typing import NDArray

from features.errors import ModelError
from features.text import Text
from training.models.calibration import Calibrator
from training.models.churn import BlendChurn, ChurnModel, XGBoostChurn
from training.models.stored import GOLDEN_TOLERANCE, StoredModel

Floats = NDArray[np.float64]

OPERATORS = (("", 18), ("ai.onnx.ml", 3))
"""Versions of ONNX's operators: the oldest that have all that trees need."""
IR_VERSION = 8
BELOW, EQUALS, LEAF = "BRANCH_LT", "BRANCH_EQ", "LEAF"


class CompiledTrees:
    """A booster of trees for one binary outcome, walked by onnxruntime on one thread."""

    def __init__(self, booster: xgb.Booster) -> None:
        """Raises ValueError: the booster holds something else than plain trees for log-odds."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        graph = graph_of(booster)
        self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])

    def log_odds(self, values: Floats) -> Floats:
        """Log-odds of leaving, shape (rows,), of feature values (rows, features), NaN where missing."""
        with np.errstate(over="ignore"):  # beyond float32 lies infinity, on the right side of all thresholds
            rows = np.ascontiguousarray(values, dtype=np.float32)
        return np.asarray(self._session.run(None, {"rows": rows})[0], dtype=np.float64)[:, 0]


class _AsTrained:
    """A model that is no tree: it predicts as in a batch, from a frame."""

    def __init__(self, model: ChurnModel) -> None:
        self._model = model

    def log_odds(self, values: Floats) -> Floats:
        return self._model.log_odds(pd.DataFrame(values, columns=list(self._model.features)))


class _Mean:
    """The mean of several, in log-odds, as `BlendChurn` takes it."""

    def __init__(self, parts: "Sequence[CompiledTrees | _AsTrained]") -> None:
        self._parts = parts

    def log_odds(self, values: Floats) -> Floats:
        return np.asarray(np.mean([part.log_odds(values) for part in self._parts], axis=0))


class ExplainedByRow:
    """A model that explains a few rows: its trees by XGBoost itself, without the tables that pay for many."""

    def __init__(self, model: ChurnModel) -> None:
        self.features = model.features
        self._model = model

    def contributions(self, frame: pd.DataFrame) -> Floats:
        """See ChurnModel; equal to rounding."""
        parts: Sequence[ChurnModel] = self._model.parts if isinstance(self._model, BlendChurn) else (self._model,)
        return np.asarray(np.mean([_contributions(part, frame) for part in parts], axis=0))


def _contributions(model: ChurnModel, frame: pd.DataFrame) -> Floats:
    if isinstance(model, XGBoostChurn):
        return model.contributions_of_few(frame)
    return model.contributions(frame)


@dataclass(frozen=True)
class CompiledModel:
    """A stored model that scores rows of numbers in the order of its ``features``, without a frame.

    Values are float64 of shape (rows, features), NaN where missing; of a panel, as its attributes encode them.
    """

    features: tuple[str, ...]
    calibrator: Calibrator
    predictor: "CompiledTrees | _AsTrained | _Mean"

    @classmethod
    def of(cls, stored: StoredModel) -> Self:
        """Compile a model and predict its golden rows again.

        Raises ModelError: they come out differently.
        """
        compiled = cls(stored.facts.features, stored.calibrator, _predictor(stored.model))
        golden = stored.golden
        if golden is not None:
            difference = float(np.max(np.abs(compiled.probability(golden.rows) - golden.probabilities)))
            if not difference <= GOLDEN_TOLERANCE:  # also when it is not a number
                raise ModelError(_DIFFERS, difference=difference)
        return compiled

    def log_odds(self, values: Floats) -> Floats:
        """Log-odds of leaving before calibration, shape (rows,)."""
        return self.predictor.log_odds(values)

    def probability(self, values: Floats) -> Floats:
        """Calibrated probability of leaving, shape (rows,)."""
        return self.calibrator.probability(self.log_odds(values))


def _predictor(model: ChurnModel) -> "CompiledTrees | _AsTrained | _Mean":
    if isinstance(model, BlendChurn):
        return _Mean([_part(part) for part in model.parts])
    return _part(model)


def _part(model: ChurnModel) -> "CompiledTrees | _AsTrained":
    return CompiledTrees(model.booster) if isinstance(model, XGBoostChurn) else _AsTrained(model)


def graph_of(booster: xgb.Booster) -> bytes:
    """A booster as an ONNX model: ``rows`` (float32, rows × features) to ``log_odds`` (float32, rows × 1).

    A row goes left when its value is below the threshold, and where the tree was taught when it is missing.
    Raises ValueError: the booster holds something else than plain trees for log-odds.
    """
    from onnx import TensorProto, checker, helper

    learner = json.loads(booster.save_raw("json"))["learner"]
    name, objective = learner["gradient_booster"]["name"], learner["objective"]["name"]
    if name != "gbtree" or objective != "binary:logistic":
        raise ValueError(f"expected trees (gbtree) for binary:logistic, got {name} for {objective}")
    parameters = learner["learner_model_param"]
    base = float(parameters["base_score"].strip("[]"))
    trees = [_nodes(number, stored) for number, stored in enumerate(learner["gradient_booster"]["model"]["trees"])]
    node = helper.make_node(
        "TreeEnsembleRegressor",
        ["rows"],
        ["log_odds"],
        domain="ai.onnx.ml",
        n_targets=1,
        base_values=[float(np.log(base / (1 - base)))],
        aggregate_function="SUM",
        post_transform="NONE",
    )
    for field in trees[0]:
        node.attribute.append(helper.make_attribute(field, [value for tree in trees for value in tree[field]]))
    shapes = (("rows", int(parameters["num_feature"])), ("log_odds", 1))
    given, wanted = (helper.make_tensor_value_info(n, TensorProto.FLOAT, [None, width]) for n, width in shapes)
    graph = helper.make_graph([node], "churn", [given], [wanted])
    opsets = [helper.make_opsetid(domain, version) for domain, version in OPERATORS]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)
    checker.check_model(model)
    return bytes(model.SerializeToString())


def _nodes(tree: int, stored: dict[str, Any]) -> dict[str, list[Any]]:
    """A tree as ONNX lists its nodes. A split by categories becomes a chain of questions, one a category."""
    left, right = stored["left_children"], stored["right_children"]
    categories = _right_categories(stored)
    rows: list[tuple[int, int, str, float, int, int, int]] = []  # node, feature, mode, value, true, false, missing
    leaves: list[tuple[int, float]] = []
    spare = len(left)
    for node, (yes, no) in enumerate(zip(left, right, strict=True)):
        feature, value = stored["split_indices"][node], stored["split_conditions"][node]
        missing_left = int(stored["default_left"][node])
        if yes == -1:
            rows.append((node, 0, LEAF, 0.0, 0, 0, 0))
            leaves.append((node, value))
        elif node not in categories:
            rows.append((node, feature, BELOW, value, yes, no, missing_left))
        else:
            codes = categories[node] or [-1]  # no code is -1: all go left
            places = [node, *range(spare, spare + len(codes) - 1)]
            spare += len(codes) - 1
            following = [*places[1:], yes]
            rows += [
                (place, feature, EQUALS, float(code), no, after, 1 - missing_left)
                for place, code, after in zip(places, codes, following, strict=True)
            ]
    nodes, features, modes, values, trues, falses, missings = map(list, zip(*rows, strict=True))
    return {
        "nodes_treeids": [tree] * len(rows),
        "nodes_nodeids": nodes,
        "nodes_featureids": features,
        "nodes_modes": modes,
        "nodes_values": values,
        "nodes_truenodeids": trues,
        "nodes_falsenodeids": falses,
        "nodes_missing_value_tracks_true": missings,
        "target_treeids": [tree] * len(leaves),
        "target_nodeids": [node for node, _ in leaves],
        "target_ids": [0] * len(leaves),
        "target_weights": [value for _, value in leaves],
    }


def _right_categories(stored: dict[str, Any]) -> dict[int, list[int]]:
    """The codes that go right, by node with a split by categories."""
    begins, sizes = stored["categories_segments"], stored["categories_sizes"]
    return {
        node: stored["categories"][begin : begin + size]
        for node, begin, size in zip(stored["categories_nodes"], begins, sizes, strict=True)
    }


_DIFFERS = Text(
    "The model as it is made ready to score single rows does not give its own golden predictions (off by {difference:.2g}); it"
    " is not used. Train again with 'retinue train'.",
    "为单行评分准备的模型无法重现其基准预测（相差 {difference:.2g}），因此不予使用。请用“retinue train”重新训练。",
)
