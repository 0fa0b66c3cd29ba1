/* The program that the messaging service's processes of a control run; which one is said by their environment. */
import { controlNamed } from './controls.ts';
import { runBroken } from './rewrite.ts';

const control = controlNamed(process.env['ROBUSTNESS_CONTROL']);
await runBroken(control.changes, new URL('../../../services/messaging/main.ts', import.meta.url));
