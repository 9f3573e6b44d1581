"""Chunks of a simulated company made by several processes at once, in the same order and with the same content."""

import signal
from collections.abc import Generator
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

import pyarrow as pa

from features.errors import StorageError
from features.simulation.plan import Plan
from features.simulation.simulate import Tables, simulate_chunk, simulate_chunks
from features.text import Text

WORTH_IT_CHUNKS = 8
"""From so many chunks on, more processes save more than the second that they take to start."""

Worker = tuple[BaseProcess, Connection]


def chunks_of(plan: Plan, processes: int) -> Generator[Tables, None, None]:
    """All chunks in order, made by so many processes; few chunks are made by this one alone.

    Raises StorageError: one of the processes ended before its time.
    """
    if processes < 2 or plan.chunks < WORTH_IT_CHUNKS:
        return simulate_chunks(plan)
    return _by_workers(plan, processes)


def _by_workers(plan: Plan, processes: int) -> Generator[Tables, None, None]:
    """Each worker makes every so many-th chunk and waits until it is taken, so memory stays bounded."""
    workers: list[Worker] = []
    try:
        for first in range(processes):
            workers.append(_started(plan, range(first, plan.chunks, processes)))
        for chunk in range(plan.chunks):
            yield _received(plan, workers[chunk % processes])
    finally:
        for process, connection in workers:
            connection.close()
            process.terminate()
            process.join()


def _started(plan: Plan, chunks: range) -> Worker:
    context = get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(sender, plan, chunks), daemon=True)
    process.start()
    sender.close()
    return process, receiver


def _work(sender: Connection, plan: Plan, chunks: range) -> None:
    """Make chunks and send each table of each; ends when nobody takes them any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the business of the process that started this one
    try:
        for chunk in chunks:
            tables = simulate_chunk(plan, chunk)
            for name in plan.tables:
                sender.send_bytes(_packed(tables[name]))
    except BrokenPipeError:
        return


def _packed(table: pa.Table) -> pa.Buffer:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return sink.getvalue()


def _received(plan: Plan, worker: Worker) -> Tables:
    process, connection = worker
    try:
        return {name: pa.ipc.open_stream(connection.recv_bytes()).read_all() for name in plan.tables}
    except EOFError:
        process.join()
        raise StorageError(
            Text(
                "A helper process ended early (exit code {code}), perhaps because memory is short; nothing was written. "
                "Run the command again with --processes 1.",
                "一个辅助进程提前结束（退出代码 {code}），可能是内存不足；未写入任何内容。请加上 --processes 1 重新运行。",
            ),
            code=process.exitcode,
        ) from None
