/** The database cannot be reached, or has no room for us now; nothing is known to have changed. */
export class DatabaseUnavailable extends Error {
  constructor(cause: unknown) {
    super('the database cannot be reached at the moment', { cause });
  }
}

/** The connection broke while a statement ran; outside a transaction it may or may not have taken effect. */
export class ConnectionLost extends DatabaseUnavailable {}

/** The connection broke while COMMIT ran: the transaction may or may not have taken effect. */
export class CommitUnknown extends Error {
  constructor(cause: unknown) {
    super('the database connection broke during the commit: it is unknown whether the change took effect', {
      cause,
    });
  }
}
