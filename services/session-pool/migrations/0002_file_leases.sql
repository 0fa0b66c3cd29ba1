-- Leases whose holder opens the session's file by itself (LEASE_ACCESS_FILE). Set for these leases alone: how long
-- the session is kept back when the lease ends otherwise than by its holder's release.
alter table slots add column file_quarantine_ms integer;
