/* The program that the messaging processes of a control run; which one is said by its environment. */
import { controlNamed } from './controls.ts';
import { runBroken } from './rewrite.ts';

const control = controlNamed(process.env['ROBUSTNESS_CONTROL']);
await runBroken(control.changes, new URL('../telegram/messaging-process.ts', import.meta.url));
