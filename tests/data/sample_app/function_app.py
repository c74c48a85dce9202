"""An app with one function per thing that the trigger host must do; it notes what reached its handlers."""

import asyncio
import os
import threading
from pathlib import Path
from typing import List  # noqa: UP035 - the worker refuses func.Out[list[str]]

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)

SEEN = Path(os.environ["SAMPLE_SEEN"])
SECONDS = {"count long": 0.4, "count": 0.05, "slow": 1.5, "hang": 3600}
RUNNING: list[str] = []
LOCK = threading.Lock()


def note(what: str) -> None:
    """Appends a line to the file that the test reads."""
    with LOCK, SEEN.open("a") as file:
        file.write(what + "\n")


@app.route(route="hello/{name}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
def hello(req: func.HttpRequest) -> func.HttpResponse:
    """Answers with what it was sent."""
    return func.HttpResponse(
        f"{req.route_params['name']} {req.params.get('x')} {req.headers['x-one']}",
        status_code=201,
        headers={"x-two": "2"},
    )


@app.route(route="{*rest}", methods=["GET"])
async def page(req: func.HttpRequest) -> func.HttpResponse:
    """Needs a key; returns plain text."""
    return func.HttpResponse(f"page {req.route_params.get('rest', '')}")


@app.route(route="submit", methods=["POST"])
@app.queue_output(arg_name="work", queue_name="%SAMPLE_QUEUE%", connection="AzureWebJobsStorage")
def submit(req: func.HttpRequest, work: func.Out[List[str]]) -> func.HttpResponse:  # noqa: UP006
    """Queues each line of the body; fails after that when asked to."""
    work.set(req.get_body().decode().splitlines())
    if "fail" in req.params:
        raise ValueError("asked to fail")
    return func.HttpResponse(status_code=202)


@app.event_grid_trigger(arg_name="event")
@app.queue_output(arg_name="work", queue_name="%SAMPLE_QUEUE%", connection="AzureWebJobsStorage")
def on_event(event: str, work: func.Out[str]) -> None:
    """Queues the raw event; fails for events that say so."""
    if "please-fail" in event:
        raise ValueError("asked to fail")
    note("event " + event)
    work.set("from event")


@app.queue_trigger(arg_name="message", queue_name="%SAMPLE_QUEUE%", connection="AzureWebJobsStorage")
async def on_message(message: func.QueueMessage) -> None:
    """Fails, hangs or succeeds, as the message says."""
    body = message.get_body().decode()
    note(f"message {body} {message.dequeue_count} {bool(message.id)} {bool(message.pop_receipt)}")
    if body == "fail":
        raise ValueError("asked to fail")
    if body == "fail once" and message.dequeue_count == 1:
        raise ValueError("asked to fail once")
    if body == "die once" and message.dequeue_count == 1:
        raise SystemExit
    RUNNING.append(body)
    if body.startswith("count"):
        note(f"running {len(RUNNING)}")
    try:
        await asyncio.sleep(SECONDS.get(body, 0))
    finally:
        RUNNING.pop()
    if message.insertion_time is None or message.expiration_time is None or message.time_next_visible is None:
        raise ValueError("times are missing")


@app.queue_trigger(arg_name="text", queue_name="%SAMPLE_QUEUE%-poison", connection="AzureWebJobsStorage")
def on_poison(text: str) -> None:
    """Notes what arrived in the poison queue."""
    note("poison " + text)


@app.timer_trigger(arg_name="timer", schedule="%SAMPLE_SCHEDULE%", run_on_startup=False)
@app.queue_output(arg_name="$return", queue_name="%SAMPLE_QUEUE%", connection="AzureWebJobsStorage")
def on_timer(timer: func.TimerRequest) -> str:
    """Queues a message as its return value."""
    note(f"timer {timer.past_due}")
    return "from timer"
