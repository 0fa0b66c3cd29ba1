/* The program that the replicas of a control run; which one is said by its environment. */
import { controlNamed } from './controls.ts';
import { runBroken } from './rewrite.ts';

const control = controlNamed(process.env['ROBUSTNESS_CONTROL']);
await runBroken(control.changes, new URL('../../../services/session-pool/main.ts', import.meta.url));
