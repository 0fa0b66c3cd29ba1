/** The PostgreSQL of this machine could not be started; the message is for the person who started it. */
export class EmbeddedPostgresError extends Error {
  override readonly name = 'EmbeddedPostgresError';
}
