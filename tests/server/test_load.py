"""The load generator, and the server when more is asked than it can answer."""

import asyncio
import json

from nlparch.server import load_test


def test_under_overload_some_are_refused_and_the_others_answered_soon(new_server, new_folder, capsys):
    # A text a batch and 50 ms a batch: 20 requests a second.
    server = new_server(new_folder(seconds=0.05), "--max_batch_words", "1")
    load_test.main(["--port", str(server.port), "--rates", "10", "200", "--seconds", "3", "--n_connections", "64"])
    calm, overloaded = map(json.loads, capsys.readouterr().out.splitlines())
    assert (calm["refused"], calm["errors"], overloaded["errors"]) == (0, 0, 0)
    assert calm["goodput"] > 5
    assert overloaded["goodput"] > calm["goodput"] * 1.2
    assert overloaded["refused"] > 300
    assert overloaded["p99"] < 1000
    assert server.predict().status_code == 200


def test_the_answers_of_a_server_that_dies_are_errors(new_server, new_folder):
    server = new_server(new_folder(seconds=0.2))

    async def main():
        asyncio.get_running_loop().call_later(0.5, server.process.kill)
        return await load_test.measure("127.0.0.1", server.port, rate=20, seconds=1, n_connections=64)

    figures = asyncio.run(main())
    assert figures.errors > 0
    assert figures.goodput + figures.refused + figures.errors > 5
