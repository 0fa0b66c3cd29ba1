"""Answers whoever writes to an account, until Ctrl-C; goes on where it was after a restart.

    python examples/answering_machine.py +15551234567 "I am out until Monday."

TELEGATE_ENDPOINT (the gateway's host:port) and TELEGATE_API_KEY name the mesh; without them, what `npm start` wrote.
"""

import sys
import time
from pathlib import Path

import telegate

CURSOR = Path("answering_machine.cursor")


def answer(mesh: telegate.Mesh, account_id: str, peer: str, text: str, to: int) -> None:
    while True:
        try:
            # The same id for the same message: after a crash in between it is not answered twice.
            mesh.send_message(account_id, peer, text, reply_to=to, request_id=f"answer {account_id} {peer} {to}")
            return
        except (telegate.FloodWait, telegate.Unavailable, telegate.QuotaExceeded) as wait:
            print(f"waiting: {wait}", file=sys.stderr)
            time.sleep(wait.retry_after or 5)
        except telegate.SessionLeased as held:
            print(f"somebody else has the account: {held}", file=sys.stderr)
            time.sleep(10)


def main(phone: str, text: str) -> None:
    cursor = CURSOR.read_text() if CURSOR.exists() else ""
    with telegate.Mesh() as mesh:
        account_id = mesh.account(phone=phone).account_id
        with mesh.watch_messages([account_id], cursor=cursor) as watch:
            for event in watch:
                if event.WhichOneof("event") == "message_added" and not event.message_added.outgoing:
                    message = event.message_added
                    print(f"{message.peer.title}: {message.text}", flush=True)
                    answer(mesh, account_id, message.peer.peer, text, message.message_id)
                CURSOR.write_text(event.cursor)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    try:
        main(*sys.argv[1:])
    except KeyboardInterrupt:
        pass
    except (telegate.TelegateError, ValueError) as error:
        sys.exit(str(error))
