"""Takes a session, opens its file with Telethon, prints who it is, and gives it back.

    TELEGATE_URL=http://127.0.0.1:8080 TELEGATE_API_KEY=… TELEGRAM_API_ID=… TELEGRAM_API_HASH=… \\
        python telethon_example.py --folder ./sessions

Needs `pip install ./clients/python telethon`. With --dry-run it needs neither Telethon nor a network: it says what it
would do.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from pathlib import Path

import telegate


async def who_is(file: Path, api_id: int, api_hash: str) -> str:
    from telethon import TelegramClient

    client = TelegramClient(str(file), api_id, api_hash)
    # Not start(): that would ask on the terminal to log in when the session does not work any more.
    await client.connect()
    try:
        me = await client.get_me()
    finally:
        await client.disconnect()
    return "nobody: its login is over" if me is None else f"{me.first_name} (@{me.username}, id {me.id})"


def run(folder: Path, timeout: float) -> int:
    pool = telegate.Pool()
    api_id, api_hash = int(os.environ["TELEGRAM_API_ID"]), os.environ["TELEGRAM_API_HASH"]
    try:
        with pool.session(wait=True, timeout=timeout) as session:
            file = folder / f"{session.session_name}.session"
            if not file.exists():
                print(f"{file} is not there: --folder must be the folder that the pool has its sessions from")
                return 1
            print(f"session {session.session_name} is", asyncio.run(who_is(file, api_id, api_hash)))
    except telegate.NoFreeSession as none:
        print(f"no session became free within {timeout:g} s; {none.in_floodwait} are told by Telegram to wait")
        return 1
    except telegate.TelegateError as error:
        print(error)
        return 1
    return 0


def explain(folder: Path, timeout: float) -> int:
    gateway = os.environ.get("TELEGATE_URL", "the gateway that TELEGATE_URL names")
    print(f"would take a free session from {gateway}, waiting up to {timeout:g} s for one;")
    print(f"would open {folder / '<session_name>.session'} with Telethon, and print whose it is;")
    print("would give the session back.")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description="Prints who a session of the pool is.")
    parser.add_argument("--folder", type=Path, default=Path("."), help="where the session files are")
    parser.add_argument("--timeout", type=float, default=60, help="seconds to wait for a session")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")
    arguments = parser.parse_args()
    if arguments.dry_run:
        return explain(arguments.folder, arguments.timeout)
    needed = ("TELEGATE_URL", "TELEGATE_API_KEY", "TELEGRAM_API_ID", "TELEGRAM_API_HASH")
    missing = [name for name in needed if not os.environ.get(name)]
    if missing:
        print(f"set {', '.join(missing)} (or look first: --dry-run)", file=sys.stderr)
        return 2
    return run(arguments.folder, arguments.timeout)


if __name__ == "__main__":
    sys.exit(main())
