import { localTelegram, services } from './registry.ts';
import { runLauncher } from './run.ts';

await runLauncher([...services, localTelegram]);
