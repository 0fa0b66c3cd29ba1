import { Api } from 'telegram/tl/index.js';

/* The one place that loads the library: its TL classes, its proof of passwords, the keys it believes. */

export { Api };
export { computeCheck } from 'telegram/Password.js';
