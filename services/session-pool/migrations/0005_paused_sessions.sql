-- Set by account-auth while the owner of the session's account has it paused. Apart from the condition: what
-- Telegram makes of an account, and restoring it, leaves the owner's wish alone.
alter table slots add column paused boolean not null default false;
