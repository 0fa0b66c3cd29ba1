import { randomBytes } from 'node:crypto';
import type { Attachment } from '#gen/telegate/messaging/v1/messaging_pb.ts';
import type { FieldViolation } from '#lib/rpc/errors.ts';
import * as validate from '#lib/requests/validate.ts';
import { Api, wireLong } from '#lib/telegram/client.ts';
import type { LiveSession } from '../connections/live-session.ts';
import type { Fetched } from './fetch.ts';

/** What is attached, its bytes not fetched yet where they are somewhere else. */
export interface WantedFile {
  readonly source:
    | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
    | { readonly kind: 'url'; readonly url: URL };
  readonly name: string;
  readonly mimeType: string;
  readonly asDocument: boolean;
}

const LONGEST_NAME = 255;
const LONGEST_URL = 2_048;
const MIME = /^[a-z0-9][a-z0-9!#$&^_.+-]{0,63}\/[a-z0-9][a-z0-9!#$&^_.+-]{0,63}$/;

export function readAttachment(violations: FieldViolation[], value: Attachment): WantedFile {
  const name = validate.text(violations, 'attachment.file_name', value.fileName, { max: LONGEST_NAME });
  if (/[/\\]/.test(name))
    violations.push({ field: 'attachment.file_name', description: 'has a slash; send the name alone' });
  const mimeType = value.mimeType.toLowerCase();
  if (mimeType !== '' && !MIME.test(mimeType))
    violations.push({
      field: 'attachment.mime_type',
      description: 'is no MIME type; send one such as image/png',
    });
  return { source: readSource(violations, value), name, mimeType, asDocument: value.asDocument };
}

function readSource(violations: FieldViolation[], { source }: Attachment): WantedFile['source'] {
  const nothing = { kind: 'bytes', bytes: new Uint8Array() } as const;
  if (source.case === 'content') {
    if (source.value.length === 0)
      violations.push({ field: 'attachment.content', description: 'has no bytes; send the file' });
    return { kind: 'bytes', bytes: source.value };
  }
  if (source.case === undefined) {
    violations.push({ field: 'attachment', description: 'has neither content nor url; send one of them' });
    return nothing;
  }
  const url = source.value.length <= LONGEST_URL ? URL.parse(source.value) : null;
  if (!url || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '') {
    const description = `is no http or https address of at most ${LONGEST_URL} characters, without a password in it; correct it`;
    violations.push({ field: 'attachment.url', description });
    return nothing;
  }
  return { kind: 'url', url };
}

const TYPES: Readonly<Record<string, string>> = {
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  png: 'image/png',
  webp: 'image/webp',
  gif: 'image/gif',
  mp4: 'video/mp4',
  mp3: 'audio/mpeg',
  ogg: 'audio/ogg',
  pdf: 'application/pdf',
  txt: 'text/plain',
  csv: 'text/csv',
  json: 'application/json',
  zip: 'application/zip',
};
const PHOTOS: ReadonlySet<string> = new Set(['image/jpeg', 'image/png', 'image/webp']);
/** Telegram takes no larger photo; a larger one goes as a document. */
const LARGEST_PHOTO = 10 * 1024 * 1024;
const BIG_FILE = 10 * 1024 * 1024;
const PART = 512 * 1024;

/** Uploads the file, part by part; Telegram keeps it for the message that follows. */
export async function upload(
  session: LiveSession,
  file: Pick<WantedFile, 'name' | 'mimeType' | 'asDocument'>,
  { bytes, name: fetchedName, mimeType: fetchedType }: Fetched,
): Promise<Api.TypeInputMedia> {
  const name = file.name || fetchedName || 'file';
  const extension = /\.([a-z0-9]{1,8})$/i.exec(name)?.[1]?.toLowerCase() ?? '';
  const mimeType = file.mimeType || TYPES[extension] || fetchedType || 'application/octet-stream';
  const fileId = wireLong(randomBytes(8).readBigInt64LE());
  const isBig = bytes.length > BIG_FILE;
  const parts = Math.ceil(bytes.length / PART);
  for (let part = 0; part < parts; part += 1) {
    const piece = {
      fileId,
      filePart: part,
      bytes: Buffer.from(bytes.subarray(part * PART, (part + 1) * PART)),
    };
    await session.call(
      isBig
        ? new Api.upload.SaveBigFilePart({ ...piece, fileTotalParts: parts })
        : new Api.upload.SaveFilePart(piece),
    );
  }
  const input = isBig
    ? new Api.InputFileBig({ id: fileId, parts, name })
    : new Api.InputFile({ id: fileId, parts, name, md5Checksum: '' });
  if (!file.asDocument && PHOTOS.has(mimeType) && bytes.length <= LARGEST_PHOTO)
    return new Api.InputMediaUploadedPhoto({ file: input });
  const attributes = [new Api.DocumentAttributeFilename({ fileName: name })];
  return new Api.InputMediaUploadedDocument({
    file: input,
    mimeType,
    attributes,
    forceFile: file.asDocument,
  });
}
