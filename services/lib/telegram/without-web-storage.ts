/*
 * The library looks for a browser's storage while it loads, and Node warns whoever looks. Nothing here uses one.
 * This must be evaluated before the library: it is the first import of client.ts.
 */
Object.defineProperty(globalThis, 'localStorage', { value: undefined, configurable: true });
