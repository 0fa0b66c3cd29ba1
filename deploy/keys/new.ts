import { keysAsEnvironmentFile, makeKeys } from './make.ts';

process.stdout.write(keysAsEnvironmentFile(makeKeys()));
