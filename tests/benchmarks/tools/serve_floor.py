"""The least that a look-up can cost with the same libraries: constant bytes, and one joined SQLite statement.

Run as ``python -m tests.benchmarks.tools.serve_floor --bytes 1500 --store FILE``; it prints its address.
"""

import argparse
import socket
import sqlite3
from pathlib import Path

import orjson
import uvicorn
from fastapi import FastAPI, Request, Response

MANY = """
SELECT s.body FROM json_each(?) AS asked
CROSS JOIN scores AS s ON s.run = (SELECT run FROM current) AND s.customer_id = asked.value
"""


def floor_app(size: int, store: Path) -> FastAPI:
    """The two routes that ours are measured against."""
    app = FastAPI()
    constant = b'"' + b"x" * (size - 2) + b'"'
    connection = sqlite3.connect(f"{store.absolute().as_uri()}?mode=ro", uri=True, check_same_thread=False)

    @app.get("/v1/customers/{customer_id}")
    async def get_constant(customer_id: str) -> Response:
        return Response(constant, media_type="application/json")

    @app.post("/many")
    async def get_many(request: Request) -> Response:
        ids = orjson.loads(await request.body())["customer_ids"]
        rows = connection.execute(MANY, (orjson.dumps(ids).decode(),)).fetchall()
        return Response(b"[%b]" % b",".join([row[0] for row in rows]), media_type="application/json")

    return app


def main() -> None:
    """Serve until terminated."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bytes", type=int, required=True)
    parser.add_argument("--store", type=Path, required=True)
    given = parser.parse_args()
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as listener:
        print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
        config = uvicorn.Config(
            floor_app(given.bytes, given.store), log_level="warning", access_log=False, server_header=False
        )
        uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
