"""Telethon as it is, against a local Telegram: exchanges keys, logs in, sends a message and receives one.

Reads where to go as one line of JSON, then says on its standard output, a line of JSON each, what it did; after
{"event": "code_needed"} it reads the code as a line.
"""

import asyncio
import json
import sys

from telethon import TelegramClient, connection, events
from telethon.crypto import rsa
from telethon.errors import SessionPasswordNeededError
from telethon.sessions import StringSession
from telethon.tl.alltlobjects import LAYER

CONNECTIONS = {
    "full": connection.ConnectionTcpFull,
    "abridged": connection.ConnectionTcpAbridged,
    "intermediate": connection.ConnectionTcpIntermediate,
    "obfuscated": connection.ConnectionTcpObfuscated,
}


def say(event: str, **fields: object) -> None:
    print(json.dumps({"event": event, **fields}), flush=True)


async def read_line() -> str:
    return (await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)).strip()


async def main() -> None:
    target = json.loads(await read_line())
    rsa.add_key(target["public_key"], old=False)
    session = StringSession()
    session.set_dc(target["data_center"], target["host"], target["port"])
    client = TelegramClient(
        session,
        1,
        "local",
        connection=CONNECTIONS[target["connection"]],
        connection_retries=1,
        auto_reconnect=False,
        request_retries=1,
    )
    await client.connect()
    say("connected", layer=LAYER)
    received: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    @client.on(events.NewMessage(incoming=True))
    async def on_message(event: events.NewMessage.Event) -> None:
        if not received.done():
            received.set_result(event.raw_text)

    await client.send_code_request(target["phone"])
    say("code_needed")
    code = await read_line()
    try:
        await client.sign_in(target["phone"], code)
    except SessionPasswordNeededError:
        await client.sign_in(password=target["password"])
    me = await client.get_me()
    say("logged_in", id=me.id, first_name=me.first_name)
    sent = await client.send_message(target["to"], target["text"])
    say("sent", id=sent.id)
    say("received", text=await asyncio.wait_for(received, 20))
    dialogs = await client.get_dialogs()
    say("dialogs", names=[dialog.name for dialog in dialogs])
    await client.disconnect()


asyncio.run(main())
