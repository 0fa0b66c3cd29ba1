"""Takes a session, opens its file with Telethon, and gives it back.

    TELEGATE_URL=http://127.0.0.1:8080 TELEGATE_API_KEY=… SESSIONS_DIR=./sessions \
    TELEGRAM_API_ID=… TELEGRAM_API_HASH=… python telethon_example.py

Without Telethon, or without TELEGRAM_API_ID, it says what it would do and connects to nothing.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import telegate


def main() -> int:
    pool = telegate.Pool(
        os.environ.get("TELEGATE_URL", "http://127.0.0.1:8080"), os.environ.get("TELEGATE_API_KEY", "missing")
    )
    print(pool.status())
    try:
        with pool.session(wait=True, timeout=60) as session:
            file = Path(os.environ.get("SESSIONS_DIR", "."), session.session_name)
            print(f"took {session!r} for {session.remaining:.0f} s; its file is {file}.session")
            use(session, file)
    except telegate.NoFreeSession as error:
        print(f"none became free within a minute; {error.in_floodwait} wait out a flood wait")
        return 1
    print("released")
    return 0


def use(session: telegate.Session, file: Path) -> None:
    api_id, api_hash = os.environ.get("TELEGRAM_API_ID"), os.environ.get("TELEGRAM_API_HASH")
    try:
        from telethon import TelegramClient
        from telethon.errors import AuthKeyUnregisteredError, FloodWaitError, UserDeactivatedBanError
    except ImportError:
        print("would connect with Telethon here: pip install telethon")
        return
    if not api_id or not api_hash:
        print("would connect here: TELEGRAM_API_ID and TELEGRAM_API_HASH are not set")
        return

    async def greet() -> None:
        client = TelegramClient(str(file), int(api_id), api_hash)
        await client.connect()
        try:
            me = await client.get_me()
            print("logged in as", me.username or me.id if me else "nobody")
            session.check()
        finally:
            await client.disconnect()

    try:
        asyncio.run(greet())
    except FloodWaitError as error:
        print(f"Telegram says wait {error.seconds} s")
    except (AuthKeyUnregisteredError, UserDeactivatedBanError) as error:
        print(f"the session is of no use any more: {error}")
        session.invalidate()


if __name__ == "__main__":
    sys.exit(main())
