"""Telethon as it is, reading an account's chats from a local Telegram: what another client sees of them.

Reads where to go as one line of JSON, with the account's session as Telethon writes it, then says a line of JSON for each
chat: who it is with, and the text of every message, the oldest first.
"""

import asyncio
import json
import sys

from telethon import TelegramClient
from telethon.sessions import StringSession


async def main() -> None:
    target = json.loads(sys.stdin.readline())
    client = TelegramClient(
        StringSession(target["session"]),
        1,
        "local",
        connection_retries=1,
        auto_reconnect=False,
        request_retries=1,
    )
    await client.connect()
    async for dialog in client.iter_dialogs():
        texts = [message.message async for message in client.iter_messages(dialog.entity, reverse=True)]
        print(json.dumps({"chat": dialog.entity.id, "texts": texts}), flush=True)
    await client.disconnect()


asyncio.run(main())
