/** Random access to the bytes of a SQLite database, in memory or on disk. */
export interface Image {
  readonly size: number;
  /** Fewer bytes than asked for at the end of it. */
  read(offset: number, length: number): Buffer;
}

const MAGIC = Buffer.from('SQLite format 3\0', 'latin1');
const HEADER_BYTES = 100;

/** Telethon and Pyrogram have under 15 entries, on one page of the usual size. */
const MAX_SCHEMA_ENTRIES = 256;
const MAX_SCHEMA_PAGES = 64;

const TABLE_INTERIOR = 0x05;
const TABLE_LEAF = 0x0d;

export function isSqlite(bytes: Uint8Array): boolean {
  return MAGIC.equals(bytes.subarray(0, MAGIC.length));
}

/**
 * What is wrong with the database before SQLite may open it. SQLite reads a database's whole schema first and
 * can not be interrupted from here: 250,000 tables (18 MiB) took it 72 seconds, and pages that point at one
 * another can take it for ever. So the pages of the schema are counted here, each at most once.
 */
export function faultOfImage(image: Image, options: { mayBeIncomplete: boolean }): string | undefined {
  const header = image.read(0, HEADER_BYTES);
  if (header.length < HEADER_BYTES) return `it is cut short: it ends after ${header.length} bytes`;
  const pageSize = header.readUInt16BE(16) === 1 ? 65_536 : header.readUInt16BE(16);
  if (pageSize < 512 || (pageSize & (pageSize - 1)) !== 0)
    return 'it is damaged: its page size is impossible';
  const pages = header.readUInt32BE(28);
  // The count of pages is only kept up to date by writers that also repeat the change counter.
  const isCountValid = header.readUInt32BE(24) === header.readUInt32BE(92);
  if (!options.mayBeIncomplete && isCountValid && pages * pageSize > image.size)
    return `it is cut short: ${image.size} of ${pages * pageSize} bytes are there`;
  return faultOfSchema(image, pageSize);
}

function faultOfSchema(image: Image, pageSize: number): string | undefined {
  const waiting = [1];
  const seen = new Set(waiting);
  let entries = 0;
  for (let number = waiting.pop(); number !== undefined; number = waiting.pop()) {
    const page = image.read((number - 1) * pageSize, pageSize);
    if (page.length < pageSize) return 'it is cut short: a page of its schema is missing';
    const start = number === 1 ? HEADER_BYTES : 0;
    const kind = page.readUInt8(start);
    const cells = page.readUInt16BE(start + 3);
    if (kind !== TABLE_LEAF && kind !== TABLE_INTERIOR) return 'it is damaged: its schema is not a table';
    if (kind === TABLE_LEAF) entries += cells;
    else if (!visit(childrenOf(page, start, cells))) return TOO_MANY;
    if (entries > MAX_SCHEMA_ENTRIES) return TOO_MANY;
  }
  return undefined;

  function visit(children: readonly number[] | undefined): boolean {
    for (const child of children ?? [0]) {
      if (child < 2 || seen.has(child) || seen.size >= MAX_SCHEMA_PAGES) return false;
      seen.add(child);
      waiting.push(child);
    }
    return true;
  }
}

const TOO_MANY = `its schema is damaged, or has more than ${MAX_SCHEMA_ENTRIES} entries`;

/** Undefined when a pointer leads out of the page. */
function childrenOf(page: Buffer, start: number, cells: number): number[] | undefined {
  const pointers = start + 12;
  if (pointers + cells * 2 > page.length) return undefined;
  const children = [page.readUInt32BE(start + 8)];
  for (let index = 0; index < cells; index++) {
    const cell = page.readUInt16BE(pointers + index * 2);
    if (cell + 4 > page.length) return undefined;
    children.push(page.readUInt32BE(cell));
  }
  return children;
}
