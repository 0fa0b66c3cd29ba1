import { expect, test } from 'vitest';
import { controls } from './controls.ts';
import { faultsOf } from './drive.ts';
import { checkChanges } from './rewrite.ts';

test.each(controls.map((control) => [control.name, control] as const))(
  '%s still fits the code that it breaks',
  (_name, control) => {
    expect(() => checkChanges(control.changes)).not.toThrow();
    expect(faultsOf(control)).toHaveLength(control.faults.length);
  },
);

test('a control that fits nothing says so', () => {
  const change = { module: 'session-pool/main.ts', from: /no such text/, to: '' };
  expect(() => checkChanges([change])).toThrow(/adapt the control/);
});
