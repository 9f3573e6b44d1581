"""The same trees behind other servers: what each needs, how it is started, and how it is asked.

Each runs in an environment of its own under ``build``, except MLflow, which we use ourselves. All serve one process that
predicts; their ways of predicting several requests together are on where they have one.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Row = Sequence[float | None]

BENTO_SERVICE = """
import bentoml, numpy as np, xgboost as xgb

@bentoml.service(workers=1, metrics={"enabled": False}, logging={"access": {"enabled": False}})
class Churn:
    def __init__(self):
        self.booster = xgb.Booster(model_file="model.json", params={"nthread": 1})

    @bentoml.api(batchable=True, batch_dim=0, max_batch_size=64, max_latency_ms=1000)
    def score(self, rows: np.ndarray) -> np.ndarray:
        return self.booster.inplace_predict(np.asarray(rows, dtype=np.float32))
"""
RAY_SERVICE = """
import numpy as np, xgboost as xgb
from ray import serve
from starlette.requests import Request

@serve.deployment(num_replicas=1, max_ongoing_requests=100, ray_actor_options={"num_cpus": 0.5})
class Churn:
    def __init__(self):
        self.booster = xgb.Booster(model_file="model.json", params={"nthread": 1})

    @serve.batch(max_batch_size=64, batch_wait_timeout_s=0)
    async def predict(self, rows):
        return self.booster.inplace_predict(np.array(rows, dtype=np.float32)).tolist()

    async def __call__(self, request: Request):
        document = await request.json()
        return {"probability": await self.predict(document["row"])}

app = Churn.bind()
"""
MLSERVER_MODEL = {
    "name": "churn",
    "implementation": "mlserver_xgboost.XGBoostModel",
    "parameters": {"uri": "./model.json"},
}
MLSERVER_SETTINGS = {"parallel_workers": 0, "host": "127.0.0.1", "debug": False, "metrics_endpoint": None}


@dataclass(frozen=True)
class Peer:
    """A server: ``packages`` to install (none: our own environment), its command on a port, what is asked and answered."""

    packages: tuple[str, ...]
    files: Mapping[str, str]
    command: Callable[[Path, int], list[str]]
    path: str
    body: Callable[[Row], Any]
    probability: Callable[[Any], float]


def _mlflow(python: Path, port: int) -> list[str]:
    place = ["--model-uri", "model", "--host", "127.0.0.1", "--port", str(port)]
    return [str(python), "-m", "mlflow", "models", "serve", "--env-manager", "local", "--workers", "1", *place]


def _mlserver(python: Path, port: int) -> list[str]:
    return [str(python.with_name("mlserver")), "start", "."]


def _bentoml(python: Path, port: int) -> list[str]:
    return [str(python.with_name("bentoml")), "serve", "service:Churn", "--host", "127.0.0.1", "--port", str(port)]


def _ray(python: Path, port: int) -> list[str]:
    start = f"""
import ray, time
from ray import serve
from ray_service import app
ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False)
serve.start(http_options={{"host": "127.0.0.1", "port": {port}, "access_log": False}})
serve.run(app)
time.sleep(1e6)
"""
    return [str(python), "-c", start]


PEERS: dict[str, Peer] = {
    "mlflow": Peer(
        (), {}, _mlflow, "/invocations", lambda row: {"inputs": [row]}, lambda answer: answer["predictions"][0]
    ),
    "mlserver": Peer(
        ("mlserver==1.7.1", "mlserver-xgboost==1.7.1", "xgboost-cpu"),
        {"model-settings.json": json.dumps(MLSERVER_MODEL), "settings.json": json.dumps(MLSERVER_SETTINGS)},
        _mlserver,
        "/v2/models/churn/infer",
        lambda row: {"inputs": [{"name": "rows", "shape": [1, len(row)], "datatype": "FP32", "data": list(row)}]},
        lambda answer: answer["outputs"][0]["data"][0],
    ),
    "bentoml": Peer(
        ("bentoml==1.4.30", "xgboost-cpu"),
        {"service.py": BENTO_SERVICE},
        _bentoml,
        "/score",
        lambda row: {"rows": [row]},
        lambda answer: answer[0],
    ),
    "ray_serve": Peer(
        ("ray[serve]", "xgboost-cpu"),
        {"ray_service.py": RAY_SERVICE},
        _ray,
        "/",
        lambda row: {"row": row},
        lambda answer: answer["probability"],
    ),
}


def python_of(name: str, folder: Path) -> Path | None:
    """The Python of a peer, its environment made once under ``folder``; None when it cannot be made."""
    peer = PEERS[name]
    if not peer.packages:
        return Path(sys.executable)
    environment = folder / f"peer-{name}"
    python = environment / "bin" / "python"
    if not (environment / "ready").exists():
        print(f"Installing {', '.join(peer.packages)} into {environment} …", flush=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *peer.packages]
        for command in ([sys.executable, "-m", "venv", "--clear", str(environment)], install):
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                print(f"{name} is left out: it could not be installed.\n{done.stderr[-500:]}")
                return None
        (environment / "ready").touch()
    return python


def environment_of(folder: Path, python: Path) -> dict[str, str]:
    """The variables that a peer runs under: nothing of ours, its own commands first (MLflow starts uvicorn by name), one thread
    for each library.
    """
    kept = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ}
    kept["PATH"] = os.pathsep.join([str(python.parent), os.environ["PATH"]])
    quiet = {"BENTOML_DO_NOT_TRACK": "True", "RAY_USAGE_STATS_ENABLED": "0", "MLFLOW_DISABLE_TELEMETRY": "true"}
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return kept | quiet | threads | {"PYTHONPATH": str(folder), "OMP_WAIT_POLICY": "PASSIVE"}
