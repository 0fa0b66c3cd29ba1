/* The program that the replicas of a control run; which one is said by its environment. */
import { controls } from './controls.ts';
import { runBroken } from './rewrite.ts';

const name = process.env['ROBUSTNESS_CONTROL'];
const control = controls.find((one) => one.name === name);
if (!control) throw new Error(`there is no control "${name ?? ''}"`);
await runBroken(control.changes);
