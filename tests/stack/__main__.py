"""`make stack`: starts everything, prints the addresses, and ends it all cleanly with Ctrl-C.

python -m tests.stack                 until Ctrl-C; notifications of Alertmanager are printed
python -m tests.stack --panels        prints what each query of each panel gives, and ends
"""

import argparse
import signal
import sys
import tempfile
import threading
from pathlib import Path

from tests.kafka import BrokerError, obstacle
from tests.stack.panels import evaluate, table
from tests.stack.receiver import Receiver
from tests.stack.stack import DEPLOY, PATIENCE, Stack, StackError

PORTS = {"workers": (6066, 6067), "watch": (9090, 9093)}
_SCRAPES = 8  # until a rate over a minute has something to go by


def main() -> int:
    options = argparse.ArgumentParser(prog="make stack", description=__doc__.splitlines()[0])
    options.add_argument("--days", default="7", help="days of history to begin with")
    options.add_argument("--panels", action="store_true", help="print the table of all panels, and end")
    chosen = options.parse_args()
    if reason := obstacle():
        print(f"error: no real Kafka: {reason}", file=sys.stderr)
        return 1
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    policy = DEPLOY / "sla-policy.yml"
    settings = {"SLA_POLICY": str(policy)} if policy.exists() else {}
    # Any worker's page shows the sum of all.
    settings["PEERS"] = ",".join(f"http://127.0.0.1:{port}" for port in PORTS["workers"])
    with tempfile.TemporaryDirectory(prefix="cxstream-stack-") as folder:
        try:
            with Stack(Path(folder), **settings) as stack, Receiver() as receiver:
                _start(stack, receiver, chosen.days)
                if chosen.panels:
                    stack.wait_until("the rules are evaluated", lambda: _ready(stack))
                    ended.wait(_SCRAPES * 5)
                    print(table(list(evaluate(stack.prometheus))))
                else:
                    _tell(stack, Path(folder))
                    ended.wait()
                    print("ending …", flush=True)
        except (StackError, BrokerError) as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
    return 0


def _start(stack: Stack, receiver: Receiver, days: str) -> None:
    print(f"Kafka        {stack.broker}", flush=True)
    for port in PORTS["workers"]:
        print(f"worker       {stack.add_worker(port)}", flush=True)
    stack.wait_until("the workers have their partitions", stack.complete)
    stack.run("rules", "--out", str(stack.folder / "deploy"), "--notify", receiver.url)
    stack.watch(ports=PORTS["watch"], routes=stack.folder / "deploy" / "alertmanager" / "alertmanager.yml")
    print(f"Prometheus   {stack.prometheus}/alerts\nAlertmanager {stack.alertmanager}", flush=True)
    stack.start("simulate", "simulate", "--live", "--days", days)


def _ready(stack: Stack) -> bool:
    return stack.value("cxstream:complete:bool") == 1 and bool(stack.value("sum(cxstream_backlog_tickets)"))


def _tell(stack: Stack, folder: Path) -> None:
    stack.wait_until("events are applied", lambda: stack.applied() > 0, PATIENCE)
    print(f"logs         {folder}\nAlerts are printed here as they fire. Ctrl-C ends all.", flush=True)


if __name__ == "__main__":
    sys.exit(main())
