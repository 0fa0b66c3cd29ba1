-- An account has one session; leases and logins find it by the account.
create unique index sessions_by_account on sessions (tenant_id, account_id) where account_id <> '';
