"""`make demo`: the whole job on the local Azure, watched live; exit code 0 only if the outcome is right.

A node pool is created without FIPS. Its event reaches the app, which switches FIPS on, waits for the reimage,
proves it on the nodes' kernels, writes evidence and tells people. Then the same with an event that is lost, and a
node that lies; and a Windows pool, which can't have FIPS, is replaced by a twin that has. At the end the evidence of
all that is verified, and a forged copy of it found out.
"""

import json
import sys
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from cli.exits import NON_COMPLIANT, OK
from cli.main import main as run_command
from local import seed
from local.demo_anchor import anchored, mailed
from local.demo_create import create_pool
from local.demo_evidence import PACK, verify_evidence
from local.demo_replace import OLD, TWIN, WINDOWS, check_replaced, how_it_went, is_replaced
from local.demo_reports import write_reports
from local.demo_show import DemoError, Seen, card_lines, coloured, display
from local.demo_sights import Sights
from local.eventgrid import Faults
from local.stack import ROOT, LocalStack, Options, StackError
from local.world import rollout
from shared.domain.ids import ClusterId
from shared.domain.model import ComplianceState
from shared.domain.probes import NAMESPACES
from shared.domain.records import GENESIS, Record, in_words

OPERATION_TIME = timedelta(seconds=5)
PATIENCE = 90.0
"""Seconds after which a step that has not come to its end fails the demo."""
SETTINGS = {"FIPSWARDEN_POLICY": f"file:{ROOT / 'local' / 'policy.yaml'}", "OPERATION_POLL_SECONDS": "1"}
PAYMENTS = ClusterId(seed.PAYMENTS, "rg-payments", "aks-payments-prod")
MEDIA = ClusterId(seed.PLATFORM, "rg-platform", "aks-media-prod")


class Demo:
    """The steps, and what they show."""

    def __init__(self, stack: LocalStack, console: Console) -> None:
        self.stack, self.console, self.sights = stack, console, Sights(stack)
        self._began = time.monotonic()

    def run(self) -> None:
        """Go through all steps; raises DemoError."""
        self.say("The app takes stock of the fleet: the hourly resync reads Resource Graph and queues looks.")
        self.stack.host.invoke("resync")
        self.watch("the fleet has been looked at", self.sights.all_known, self.sights.fleet)
        before = self.sights.fleet()

        self.say(f"Somebody adds a node pool without FIPS to {PAYMENTS}. Event Grid tells the app.")
        self.create_pool(PAYMENTS, "batch")
        self.watch(
            "node pool batch is proven",
            lambda: self.sights.is_compliant(PAYMENTS, "batch"),
            lambda: self.sights.pools(PAYMENTS),
        )

        self.say(f"Another pool, on {MEDIA}, and this time its event is lost. Nothing happens ...")
        self.stack.event_grid.faults = Faults(drop_every=1)
        self.create_pool(MEDIA, "encoder")
        self.stack.event_grid.idle()
        self.stack.event_grid.faults = Faults()
        if self.sights.verdict(MEDIA, "encoder") is not None:
            raise DemoError("the event was to be lost, and yet the app knows of the pool")
        self.say("... until the next resync, which finds the pool in Resource Graph.")
        self.stack.host.invoke("resync")
        self.watch(
            "node pool encoder is proven",
            lambda: self.sights.is_compliant(MEDIA, "encoder"),
            lambda: self.sights.pools(MEDIA),
        )
        self._catch_a_liar()
        self._replace()
        self.stack.host.idle(60)
        self._anchor()
        self.close(before)

    def _proven(self, cluster: ClusterId, pool: str) -> None:
        reached = f"node pool {pool} is proven"
        self.watch(reached, lambda: self.sights.is_compliant(cluster, pool), lambda: self.sights.pools(cluster))

    def _anchor(self) -> None:
        """The day's manifest: the heads of all chains, signed, where the app can't take it back."""
        self.say("The daily timer anchors the evidence: a manifest over all chains, signed by a key in a vault.")
        self.stack.host.invoke("daily")
        self.stack.host.idle(60)
        self.say(anchored(self.stack))

    def _replace(self) -> None:
        """A Windows pool, which no update can switch: it has been worked on since the fleet was looked at."""
        self.say(
            f"{WINDOWS} runs Windows Server 2019, which can't have FIPS. Its rule says `strategy: replace`: since the "
            "app saw it, it makes a twin, proves it, moves the pods there as their budget allows, and deletes the pool."
        )
        replaced = f"node pool {OLD} is replaced by {TWIN}, proven"
        self.watch(replaced, lambda: is_replaced(self.sights), lambda: self.sights.pools(WINDOWS))
        for line in how_it_went():
            self.console.print(f"         {line}")

    def _catch_a_liar(self) -> None:
        """A node whose label says yes and whose kernel says no; a proof at level kernel is not taken in."""
        self.say("A node of batch lies: its label says FIPS, its kernel says 0. `fipswarden verify` asks the kernels.")
        with self.stack.world.entered():
            real = self.stack.world.cluster_by_id(PAYMENTS.arm_id)
            liar = rollout.nodes(real, real.pools["batch"])[1]
            liar.kernel_fips = 0
        self._verify(NON_COMPLIANT, f"{ComplianceState.INCONSISTENT}: NodesDisagree")
        self.say(f"[red]{liar.name} is caught[/red], and everybody is told. Its kernel is put right ...")
        liar.kernel_fips = 1
        self._verify(OK, f"{ComplianceState.COMPLIANT}: NodesProven")
        left = [
            name for name in real.kube.namespaces if name in NAMESPACES and real.kube.namespaces[name].deleting is None
        ]
        if left:
            raise DemoError(f"the proofs have left {left} in the cluster")

    def _verify(self, code: int, verdict: str) -> None:
        found = run_command(["verify", PAYMENTS.arm_id, "batch"])
        if (found, self.sights.verdict(PAYMENTS, "batch")) != (code, verdict):
            raise DemoError(
                f"verify returned {found}, and batch is {self.sights.verdict(PAYMENTS, 'batch')}, not {verdict}"
            )

    def create_pool(self, cluster: ClusterId, pool: str) -> None:
        """Have a person create a pool with FIPS off."""
        create_pool(self.stack, cluster, pool)
        self.say(f"AKS has created {pool}: 3 nodes, enableFIPS false.")

    # showing

    def say(self, text: str) -> None:
        """Say what happens next."""
        self.console.print(f"\n[bold]{time.monotonic() - self._began:5.1f} s[/bold]  {text}")

    def watch(self, goal: str, reached: Callable[[], bool], look: Callable[[], list[Seen]]) -> None:
        """Show pools until a goal is reached: a live table on a terminal, changed lines elsewhere."""
        end = time.monotonic() + PATIENCE
        with display(self.console) as show:
            while not reached():
                show(look())
                if time.monotonic() > end:
                    raise DemoError(f"after {PATIENCE:.0f} seconds it is still not true that {goal}")
                time.sleep(0.3)
            show(look())
        self.say(f"[green]{goal[0].upper()}{goal[1:]}.[/green]")

    def close(self, before: list[Seen]) -> None:
        """Show the outcome, and check it."""
        was = {seen.pool: seen for seen in before}
        table = Table("node pool", "before", "after", "nodes with FIPS", title="Node pools, before and after")
        for seen in self.sights.fleet():
            old = was[seen.pool].verdict if seen.pool in was else "was not there"
            table.add_row(seen.pool, coloured(old), coloured(seen.verdict), seen.nodes)
        for name in was.keys() - {seen.pool for seen in self.sights.fleet()}:
            table.add_row(name, coloured(was[name].verdict), f"gone: replaced by {TWIN}", "")
        self.console.print(table)
        records = self._show_evidence(PAYMENTS)
        self._show_told()
        self._check(records)
        self.say(f"{OLD}, which could not have FIPS, is gone. {TWIN} has its settings and its pods: none was lost.")
        verify_evidence(self.stack.folder, PAYMENTS, mailed(self.stack), self.say)
        write_reports(self.stack.folder, self.stack.folder / PACK, self.say)
        self.console.print(_NEXT)

    def _show_evidence(self, cluster: ClusterId) -> list[Record]:
        from shared import bootstrap

        records: list[Record] = []
        while record := bootstrap.evidence().read(cluster, len(records) + 1):
            records.append(record)
        table = Table("seq", "kind", "node pool", "what", "SHA-256 of the record", title=f"Evidence of {cluster}")
        for record in records:
            said, pool = in_words(record.payload), str(record.payload.get("pool", ""))
            table.add_row(str(record.seq), record.kind.value, pool, Text(said), record.head.hash[:16])
        self.console.print(table)
        return records

    def _show_told(self) -> None:
        cards = self.stack.teams.cards
        wanted = [card for card in cards if "/batch: compliant" in json.dumps(card)]
        self.console.print(f"\nTeams got {len(cards)} cards, the mailbox {len(self.stack.mail.messages)} mails:")
        for message in self.stack.mail.messages:
            self.console.print(Text(f"  {str(message['Subject']).strip()}"))
        if wanted:
            lines = "\n".join(card_lines(wanted[-1]))
            self.console.print(
                Panel(Text(lines), title="The card that says it is done, as Teams shows it", expand=False)
            )

    def _check(self, records: Sequence[Record]) -> None:
        """The demo's own judgement: only what is true may exit with 0."""
        previous = GENESIS
        for record in records:
            if record.payload["previous"] != previous:
                raise DemoError(f"evidence record {record.seq} does not follow its predecessor")
            previous = record.head.hash
        outcomes = [record.payload["outcome"] for record in records if record.kind == "outcome"]
        if outcomes != ["accepted", "succeeded"]:
            raise DemoError(f"the evidence of batch says {outcomes}, not accepted and succeeded")
        for cluster, pool in ((PAYMENTS, "batch"), (MEDIA, "encoder")):
            puts = [
                one
                for one in self.stack.world.requests
                if one.method == "PUT" and one.principal == "id-fipswarden" and one.path.endswith(f"/{pool}")
            ]
            if len(puts) != 1 or puts[0].status != 200:
                raise DemoError(f"{pool} needed one PUT, and got {[one.status for one in puts]}")
            seen = next(one for one in self.sights.pools(cluster) if one.pool.endswith(f"/{pool}"))
            if seen.nodes != "3 of 3":
                raise DemoError(f"{seen.nodes} nodes of {pool} carry the FIPS label")
        check_replaced(self.sights)
        for what, told in (("Teams", self.stack.teams.cards), ("the mailbox", self.stack.mail.messages)):
            if not any("batch: compliant" in str(one) for one in told):
                raise DemoError(f"{what} was not told that batch is compliant")


_NEXT = """
What to try next:
  make local                      keeps all of this running; use the Azure CLI and kubectl on it
  .venv/bin/fipswarden policy validate policy.yaml
  azd up                          the same on your Azure, in audit mode: docs/ and README.md
"""


def main() -> int:
    """Run the demo; returns 0 if all is as it has to be, 1 otherwise."""
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 130)
    folder = Path(ROOT, ".local", "demo")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        console.print("Starting Azurite, the local Azure, Event Grid, a Teams and a mail receiver, and the app ...")
        world = seed.example_world(operation_time=OPERATION_TIME)
        with LocalStack(world, Options(settings=SETTINGS, timers=False), folder=folder) as stack:
            Demo(stack, console).run()
    except (DemoError, StackError) as error:
        console.print(f"\n[bold red]The demo failed:[/bold red] {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
