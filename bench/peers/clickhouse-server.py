"""Serves ClickHouse's HTTP interface from the shared library that npm ships.

    clickhouse-server.py LIBCHDB.SO DIR PORT

The library has the whole engine but no server program. Its command line is
that of "clickhouse local", which can be told to listen; a query that never
ends keeps it there. SIGTERM ends it.
"""

import ctypes
import signal
import sys

LISTEN = "SYSTEM START LISTEN HTTP"
WAIT = ("SELECT sleepEachRow(3) FROM system.numbers FORMAT Null"
        " SETTINGS max_block_size = 1, function_sleep_max_microseconds_per_block = 0")


def main(library: str, directory: str, port: str) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    arguments = ["clickhouse", f"--path={directory}", "--listen_host=127.0.0.1", f"--http_port={port}",
                 "--query", f"{LISTEN}; {WAIT}"]
    argv = (ctypes.c_char_p * len(arguments))(*map(str.encode, arguments))
    run = ctypes.CDLL(library).chdb_query_cmdline
    run.restype = ctypes.c_void_p
    run(len(arguments), argv)


main(*sys.argv[1:])
