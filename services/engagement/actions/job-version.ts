/** Beside the service's own schema; the job engine makes and changes what is in it. */
export const JOBS_SCHEMA = 'engagement_jobs';

/** What the engine of this release asks for; a newer one may be there. */
export const JOBS_VERSION = 20;
