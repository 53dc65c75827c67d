"""Run a job of Belfry and wait for its end.

BELFRY_SERVER and BELFRY_TOKEN say where and as whom.
"""

import os
import sys
import time
import uuid

from belfry_client import AuthenticatedClient
from belfry_client.api.jobs import get_job, run_job
from belfry_client.api.runs import get_run

FINAL = {"succeeded", "failed", "timed_out", "cancelled", "lost", "skipped", "dead"}


def main(name: str) -> int:
    client = AuthenticatedClient(os.environ["BELFRY_SERVER"] + "/api/v1", os.environ["BELFRY_TOKEN"])
    with client:
        found = get_job.sync_detailed(name, client=client)
        if found.status_code != 200:
            print(found.content.decode(), file=sys.stderr)
            return 4
        # The key lets the request be sent again if its answer is lost.
        asked = run_job.sync_detailed(name, client=client, idempotency_key=str(uuid.uuid4()))
        if asked.status_code != 202:
            print(asked.content.decode(), file=sys.stderr)
            return 1
        return follow(client, asked.parsed.run)


def follow(client: AuthenticatedClient, run: str) -> int:
    while True:
        got = get_run.sync_detailed(run, client=client)
        # The server hears of a run a moment after it was asked for.
        if got.status_code == 200 and got.parsed.row.state in FINAL:
            print(run, got.parsed.row.state)
            return 0 if got.parsed.row.state == "succeeded" else 5
        time.sleep(0.5)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
