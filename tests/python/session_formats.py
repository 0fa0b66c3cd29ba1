"""Has Telethon and Pyrogram write and read sessions, for services/lib/telegram/material/foreign.test.ts.

Reads one JSON object from standard input and writes one to standard output:

  {"action": "write", "folder": …, "session": {dc, host, port, ipv6, key, user_id, api_id, test_mode, is_bot}}
    -> {"telethon_string", "telethon_string_ipv6", "pyrogram_string", "auth_key_id"}, and files in the folder:
       telethon.session, pyrogram.session
  {"action": "read", "folder": …, "telethon_string": …, "pyrogram_string": …, "telethon_file": …}
    -> what each library understood

Keys travel as hexadecimal; they are made up, nobody's.
"""

import asyncio
import datetime
import json
import os
import sys

# Pyrogram looks for the thread's event loop when it is imported, which later Pythons no longer make by themselves.
asyncio.set_event_loop(asyncio.new_event_loop())

from pathlib import Path  # noqa: E402

from pyrogram.storage import FileStorage, MemoryStorage  # noqa: E402
from telethon.crypto import AuthKey  # noqa: E402
from telethon.sessions import SQLiteSession, StringSession  # noqa: E402
from telethon.tl import types  # noqa: E402


def telethon_string(session, host):
    written = StringSession()
    written.set_dc(session["dc"], host, session["port"])
    written.auth_key = AuthKey(bytes.fromhex(session["key"]))
    return written.save()


def telethon_file(session, folder):
    written = SQLiteSession(os.path.join(folder, "telethon"))
    written.set_dc(session["dc"], session["host"], session["port"])
    written.auth_key = AuthKey(bytes.fromhex(session["key"]))
    # As TelegramClient keeps its own user: an entity of id 0 whose access hash is the user's id.
    own = types.InputPeerUser(0, session["user_id"])
    written.process_entities(types.contacts.ResolvedPeer(None, [own], []))
    written.save()
    written.close()


async def fill(storage, session):
    await storage.dc_id(session["dc"])
    await storage.api_id(session["api_id"])
    await storage.test_mode(session["test_mode"])
    await storage.auth_key(bytes.fromhex(session["key"]))
    await storage.user_id(session["user_id"])
    await storage.is_bot(session["is_bot"])


async def write(request):
    session, folder = request["session"], request["folder"]
    telethon_file(session, folder)
    file = FileStorage("pyrogram", Path(folder))
    await file.open()
    await fill(file, session)
    await file.save()
    pyrogram_string = await file.export_session_string()
    await file.close()
    return {
        "telethon_string": telethon_string(session, session["host"]),
        "telethon_string_ipv6": telethon_string(session, session["ipv6"]),
        "pyrogram_string": pyrogram_string,
        "auth_key_id": str(AuthKey(bytes.fromhex(session["key"])).key_id),
    }


def understood_by_telethon(session):
    return {
        "dc": session.dc_id,
        "host": session.server_address,
        "port": session.port,
        "key": session.auth_key.key.hex(),
    }


async def understood_by_pyrogram(storage):
    return {
        "dc": await storage.dc_id(),
        "api_id": await storage.api_id(),
        "test_mode": bool(await storage.test_mode()),
        "key": (await storage.auth_key()).hex(),
        "user_id": await storage.user_id(),
        "is_bot": bool(await storage.is_bot()),
    }


async def read(request):
    file = SQLiteSession(request["telethon_file"])
    from_file = understood_by_telethon(file)
    from_file["user_id"] = file.get_input_entity(0).access_hash
    from_file["takeout_id"] = file.takeout_id
    # What a client does with a session in use, so that every table is there and fits.
    file.set_update_state(0, types.updates.State(1, 2, datetime.datetime.now(datetime.timezone.utc), 3, 0))
    file.process_entities(types.contacts.ResolvedPeer(None, [types.InputPeerUser(7, 8)], []))
    file.cache_file(b"0" * 16, 1, types.InputPhoto(1, 2, b""))
    file.save()
    file.close()
    memory = MemoryStorage("memory", request["pyrogram_string"])
    await memory.open()
    from_pyrogram = await understood_by_pyrogram(memory)
    again = await memory.export_session_string()
    await memory.close()
    return {
        "telethon_file": from_file,
        "telethon_string": understood_by_telethon(StringSession(request["telethon_string"])),
        "telethon_string_again": StringSession(request["telethon_string"]).save(),
        "pyrogram_string": from_pyrogram,
        "pyrogram_string_again": again,
    }


def main():
    request = json.load(sys.stdin)
    action = {"write": write, "read": read}[request["action"]]
    json.dump(asyncio.get_event_loop().run_until_complete(action(request)), sys.stdout)


main()
