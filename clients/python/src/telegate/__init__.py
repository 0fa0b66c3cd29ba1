"""Take and give back Telegram sessions of a TeleGate pool over plain HTTP."""
