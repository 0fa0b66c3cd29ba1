-- Callers over HTTP name a login by its phone, also when it has just ended.
create index telegram_logins_by_number on telegram_logins (tenant_id, environment, phone, create_time)
  where kind = 'phone';
