import { accountMethods } from './account.ts';
import { authMethods } from './auth.ts';
import { channelMethods } from './channels.ts';
import { contactMethods } from './contacts.ts';
import { dialogMethods } from './dialogs.ts';
import { helpMethods } from './help.ts';
import { historyMethods } from './history.ts';
import { messageMethods } from './messages.ts';
import type { Method } from './method.ts';
import { qrMethods } from './qr-login.ts';
import { reactionMethods } from './reactions.ts';
import { sendingMethods } from './sending.ts';
import { updateMethods } from './updates.ts';
import { uploadMethods } from './upload.ts';
import { userMethods } from './users.ts';

export const methodByName: ReadonlyMap<string, Method> = new Map(
  [
    accountMethods,
    authMethods,
    channelMethods,
    contactMethods,
    dialogMethods,
    helpMethods,
    historyMethods,
    messageMethods,
    qrMethods,
    reactionMethods,
    sendingMethods,
    updateMethods,
    uploadMethods,
    userMethods,
  ]
    .flat()
    .map((method) => [method.name, method]),
);
