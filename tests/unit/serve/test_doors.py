"""Who is let in: tokens, this machine alone, rates, slow and too many requests."""

import asyncio

import anyio
import pytest

from spkr.serve.doors import Doors
from spkr.serve.limits import MANY, Limits, Rates, client_of, is_loopback
from tests.unit.serve.conftest import HERE, form

TOKEN = "a-token-of-this-test"
CLOSED = [("GET", "/voices"), ("GET", "/metrics"), ("POST", "/verify"), ("POST", "/enrol"), ("DELETE", "/voices/ann")]


@pytest.mark.parametrize(
    "given", [None, "Bearer", "Bearer ", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", TOKEN, "Bearer é"]
)
def test_a_wrong_token(serve, given):
    client = serve(token=TOKEN, base="https://spkr.example").client
    headers = {"Authorization": given.encode()} if given else {}
    for method, path in CLOSED:
        answer = client.request(method, path, headers=headers)
        assert answer.status_code == 401 and answer.headers["www-authenticate"] == "Bearer", path
    assert client.get("/").status_code == client.get("/health", headers=headers).status_code == 200


@pytest.mark.parametrize("given", [f"Bearer {TOKEN}", f"bearer  {TOKEN} "])
def test_the_token(serve, given):
    client = serve(token=TOKEN, base="https://spkr.example").client
    answer = client.post("/verify", files=form(a=["ann"], b=["ann"]), headers={"Authorization": given})
    assert answer.status_code == 200


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost:8000", "LOCALHOST", "[::1]:8000", "127.1.2.3"])
def test_without_a_token_this_machine_is_answered(serve, host):
    client = serve(base=f"http://{host}").client
    assert client.get("/voices").status_code == 200
    assert client.get("/voices", headers={"Origin": f"http://{host.lower()}", "Host": host.lower()}).status_code == 200


@pytest.mark.parametrize("host", ["spkr.example", "localhost.example", "192.168.0.7", "0.0.0.0", "", "[", "[::1"])
def test_without_a_token_another_name_is_refused(serve, host):
    client = serve().client
    for path in ("/voices", "/", "/health"):
        answer = client.get(path, headers={"Host": host})
        assert answer.status_code == 403 and answer.json()["error"], path


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:9999", "http://[", HERE + ".x"])
def test_without_a_token_other_pages_are_refused(serve, origin):
    served = serve()
    answer = served.client.post("/enrol", data={"name": "ann"}, files=form(files=["ann"]), headers={"Origin": origin})
    assert answer.status_code == 403 and served.service.store.voices() == []
    assert serve(token=TOKEN).client.get("/health", headers={"Origin": origin}).status_code == 200


def test_a_client_that_asks_too_often(serve):
    client = serve(rate=3, token=TOKEN).client
    statuses = [client.get("/voices").status_code for _ in range(4)]  # guesses of a token count, too
    assert statuses == [401, 401, 401, 429]
    answer = client.get("/voices", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 429 and 0 < int(answer.headers["retry-after"]) <= 20
    assert client.get("/health").status_code == 200


def test_rates():
    now = [100.0]
    rates = Rates(60, lambda: now[0])
    assert [rates.seconds_to_wait("a") for _ in range(60)] == [0] * 60
    assert rates.seconds_to_wait("a") == pytest.approx(1) and rates.seconds_to_wait("b") == 0
    now[0] += 1
    assert rates.seconds_to_wait("a") == 0 and rates.seconds_to_wait("a") == pytest.approx(1)
    now[0] += 3600
    assert [rates.seconds_to_wait("a") > 0 for _ in range(61)] == [False] * 60 + [True]
    assert Rates(0).seconds_to_wait("a") == 0


def test_clients_that_are_long_gone_are_forgotten():
    now = [0.0]
    rates = Rates(60, lambda: now[0])
    for k in range(MANY + 1):
        rates.seconds_to_wait(f"client {k}")
    now[0] = 2.0
    rates.seconds_to_wait("new")
    assert len(rates._full_at) == 1


def test_addresses():
    assert client_of("2001:db8:1:2:aaaa::1") == client_of("2001:db8:1:2::7") != client_of("2001:db8:1:3::7")
    assert client_of("10.0.0.1") == "10.0.0.1" and client_of("testclient") == "testclient"
    assert [is_loopback(host) for host in ("::1", "[::1]", "127.0.0.9", "10.0.0.1", "0.0.0.0", "x.example", "")] == [
        True, True, True, False, False, False, False,
    ]  # fmt: skip


def ask(doors, body, method="POST"):
    """Pass a request through the doors; what they and the application send. `body` is an async iterator."""

    async def main():
        sent = []

        async def receive():
            return await anext(body)

        async def send(message):
            sent.append(message)

        scope = {"type": "http", "method": method, "path": "/verify", "headers": [(b"host", b"localhost")]}
        await doors(scope, receive, send)
        return sent

    return main()


def test_a_request_that_does_not_arrive_is_ended():
    async def slow():
        while True:
            yield {"type": "http.request", "body": b"x", "more_body": True}
            await anyio.sleep(0.02)

    async def reads(scope, receive, send):
        while (await receive())["more_body"]:
            pass

    with pytest.raises(Exception, match="did not arrive within 0.1 s") as e:
        asyncio.run(ask(Doors(reads, Limits(patience=0.1), None), slow()))
    assert e.value.status_code == 408


def test_the_time_of_arrival_does_not_count_the_work():
    async def one():
        yield {"type": "http.request", "body": b"x", "more_body": False}
        await anyio.sleep(0.2)
        yield {"type": "http.disconnect"}

    async def works(scope, receive, send):
        await receive()
        await anyio.sleep(0.1)
        assert (await receive())["type"] == "http.disconnect"
        await send("done")

    assert asyncio.run(ask(Doors(works, Limits(patience=0.05), None), one())) == ["done"]


def test_more_requests_than_may_wait_are_told_to_come_back():
    async def main():
        ends = asyncio.Event()

        async def works(scope, receive, send):
            await ends.wait()

        doors = Doors(works, Limits(at_once=2, queue=3), None)
        inside = [asyncio.create_task(ask(doors, None)) for _ in range(5)]
        await asyncio.sleep(0)
        begin, *_ = await ask(doors, None)
        assert begin["status"] == 503 and (b"retry-after", b"2") in begin["headers"]
        ends.set()
        await asyncio.gather(*inside)
        assert await ask(doors, None) == [] and doors.inside == 0

    asyncio.run(main())
