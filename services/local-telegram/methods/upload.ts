import type { TlObject } from '../codec/object.ts';
import { RpcError } from '../rpc-error.ts';
import type { Telegram } from '../telegram.ts';
import type { Media } from '../world/state.ts';
import { method, type Caller, type Method } from './method.ts';

const LARGEST_PART = 512 * 1024;
const MOST_PARTS = 40;
const MOST_UPLOADS = 256;

/** Parts of files on their way, by account and the id that the client chose. */
const uploads = new WeakMap<Telegram, Map<string, Map<number, Buffer>>>();

interface Part {
  file_id: bigint;
  file_part: number;
  bytes: Buffer;
}

export const uploadMethods: readonly Method[] = [
  method<Part>('upload.saveFilePart', { isEverywhere: true, writes: true }, savePart),
  method<Part>('upload.saveBigFilePart', { isEverywhere: true, writes: true }, savePart),
  method<{ location: TlObject; offset: bigint; limit: number }>(
    'upload.getFile',
    { isEverywhere: true },
    ({ location, offset, limit }, { world }) => {
      const file = world.state.files.get(location['id'] as bigint);
      if (!file) throw new RpcError('LOCATION_INVALID');
      if (limit <= 0 || limit > 1_048_576) throw new RpcError('LIMIT_INVALID');
      const from = Number(offset);
      return {
        _: 'upload.file',
        type: { _: 'storage.fileUnknown' },
        mtime: Math.floor(file.date / 1_000),
        bytes: file.bytes.subarray(from, from + limit),
      };
    },
  ),
];

function savePart({ file_id, file_part, bytes }: Part, { telegram, account, call }: Caller): boolean {
  if (file_part < 0 || file_part >= MOST_PARTS) throw new RpcError('FILE_PART_INVALID');
  if (bytes.length === 0) throw new RpcError('FILE_PART_EMPTY');
  if (bytes.length > LARGEST_PART) throw new RpcError('FILE_PART_TOO_BIG');
  let known = uploads.get(telegram);
  if (!known) uploads.set(telegram, (known = new Map()));
  const name = `${account.id}/${file_id}`;
  let parts = known.get(name);
  if (!parts) {
    if (known.size >= MOST_UPLOADS) known.delete(known.keys().next().value!);
    known.set(name, (parts = new Map()));
  }
  parts.set(file_part, Buffer.from(bytes));
  call.effect = true;
  return true;
}

/** Makes what a message carries of what was uploaded, or of what another message carries. */
export function takeMedia(media: TlObject, caller: Caller): Media {
  switch (media._) {
    case 'inputMediaUploadedPhoto':
      return takeUpload(caller, media['file'] as TlObject, 'photo', 'image/jpeg');
    case 'inputMediaUploadedDocument':
      return takeUpload(caller, media['file'] as TlObject, 'document', media['mime_type'] as string);
    case 'inputMediaPhoto':
    case 'inputMediaDocument': {
      const file = caller.world.state.files.get((media['id'] as TlObject)['id'] as bigint);
      if (!file) throw new RpcError('MEDIA_INVALID');
      const kind = media._ === 'inputMediaPhoto' ? 'photo' : 'document';
      return { kind, fileId: file.id, size: file.bytes.length, mimeType: file.mimeType, name: file.name };
    }
    default:
      throw new RpcError('MEDIA_INVALID');
  }
}

function takeUpload(
  { telegram, world, account }: Caller,
  file: TlObject,
  kind: Media['kind'],
  mimeType: string,
): Media {
  const parts = uploads.get(telegram)?.get(`${account.id}/${file['id'] as bigint}`);
  const count = file['parts'] as number;
  if (!parts || parts.size < count) throw new RpcError(`FILE_PART_${missing(parts, count)}_MISSING`);
  const bytes = Buffer.concat(Array.from({ length: count }, (_, i) => parts.get(i) ?? Buffer.alloc(0)));
  uploads.get(telegram)!.delete(`${account.id}/${file['id'] as bigint}`);
  const id = world.state.nextFileId++;
  const name = file['name'] as string;
  world.state.files.set(id, { id, bytes, date: world.now(), mimeType, name });
  return { kind, fileId: id, size: bytes.length, mimeType, name };
}

function missing(parts: Map<number, Buffer> | undefined, count: number): number {
  for (let i = 0; i < count; i += 1) if (!parts?.has(i)) return i;
  return 0;
}
